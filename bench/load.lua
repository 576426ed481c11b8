-- For wrk: sends the requests of a file in turn, and tells what came of it as one line of JSON.
local requests, at = {}, 0

function init(args)
  local head = table.concat({
    " HTTP/1.1",
    "Host: " .. wrk.headers["Host"],
    "User-Agent: Mozilla/5.0 (X11; Linux x64) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36",
    "Accept: text/html,application/xhtml+xml,*/*;q=0.8",
    "Cookie: ",
  }, "\r\n")
  -- By hand: wrk.format takes seconds for 100,000 of them.
  for line in io.lines(args[1]) do
    local path, cookie = line:match("^(%S+) (.*)$")
    requests[#requests + 1] = "GET " .. path .. head .. cookie .. "\r\n\r\n"
  end
  at = tonumber(args[2])
  io.write("bench ready\n")
  io.flush()
end

function request()
  at = at % #requests + 1
  return requests[at]
end

function done(summary, latency)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format(
    'bench {"requests": %d, "seconds": %.6f, "p50": %.1f, "p99": %.1f, "failed": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50), latency:percentile(99), failed))
end
