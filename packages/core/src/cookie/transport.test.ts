import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { remedyFor, transportOf, type SessionRequest } from './transport.ts'

function request(url: string, headers: Record<string, string> = {}): SessionRequest {
  return { url, headers: new Headers(headers) }
}

test.each([
  ['https://example.com/', 'secure'],
  ['https://example.com:8443/a?b#c', 'secure'],
  ['https://localhost/', 'secure'],
  ['HTTPS://EXAMPLE.COM/', 'secure'],
  ['http://localhost/', 'loopback'],
  ['http://localhost:3000/a', 'loopback'],
  ['http://LOCALHOST', 'loopback'],
  ['http://app.localhost:3000/', 'loopback'],
  ['http://127.0.0.1:8080/', 'loopback'],
  ['http://127.8.9.10/', 'loopback'],
  ['http://[::1]:3000/', 'loopback'],
  ['http://localhost?a', 'loopback'],
  ['http://localhost#a', 'loopback'],
  ['http://example.com/', 'plain-http'],
  ['http://localhost.example.com/', 'plain-http'],
  ['http://notlocalhost/', 'plain-http'],
  ['http://.localhost.example/', 'plain-http'],
  ['http://127.0.0.1.example.com/', 'plain-http'],
  ['http://128.0.0.1/', 'plain-http'],
  ['http://10.127.0.0.1/', 'plain-http'],
  ['http://192.168.0.1/', 'plain-http'],
  ['http://[::2]/', 'plain-http'],
  ['http://[::ffff:10.0.0.1]/', 'plain-http'],
  ['http://localhost@example.com/', 'plain-http'],
  ['http://example.com/localhost', 'plain-http'],
  ['http://example.com/https://localhost', 'plain-http'],
  ['ws://localhost/', 'plain-http'],
  ['httpsx://example.com/', 'plain-http'],
  ['/relative', 'plain-http'],
  ['', 'plain-http'],
])('a request to %j is %s', (url, transport) => {
  expect(transportOf(request(url), 0)).toBe(transport)
})

test.each([
  ['x-forwarded-proto', 'https'],
  ['x-forwarded-proto', ''],
  ['x-forwarded-for', '10.0.0.1'],
  ['forwarded', 'proto=https'],
])('without trustProxy, %s: %s only ends the exception for loopback', (name, value) => {
  expect(transportOf(request('http://localhost/', { [name]: value }), 0)).toBe('untrusted-proxy')
  expect(transportOf(request('http://example.com/', { [name]: value }), 0)).toBe('untrusted-proxy')
  expect(transportOf(request('https://example.com/', { [name]: value }), 0)).toBe('secure')
})

const proxied = 'http://10.0.0.1/'

test.each([
  // [the proxies in front, what the header says, the transport]
  [1, 'https', 'secure'],
  [1, 'HTTPS', 'secure'],
  [1, ' https ', 'secure'],
  [1, 'http', 'plain-http'],
  [1, '', 'plain-http'],
  [1, 'https, http', 'plain-http'],
  [1, 'http,https', 'secure'],
  [2, 'https, http', 'secure'],
  [2, 'https, http, http', 'plain-http'],
  [2, 'http, https, http', 'secure'],
  // A proxy that replaces the header instead of adding to it leaves one entry.
  [2, 'https', 'secure'],
  [3, 'https, http', 'secure'],
  [1, 'httpsx', 'plain-http'],
  [1, 'proto=https', 'plain-http'],
])('behind %i trusted proxies, X-Forwarded-Proto: %j means %s', (trustProxy, value, transport) => {
  expect(transportOf(request(proxied, { 'x-forwarded-proto': value }), trustProxy)).toBe(transport)
})

test('a trusted proxy that says http is believed, whatever the URL says', () => {
  const headers = { 'x-forwarded-proto': 'http' }
  expect(transportOf(request('https://example.com/', headers), 1)).toBe('plain-http')
  expect(transportOf(request('http://localhost/', headers), 1)).toBe('plain-http')
})

test('behind a trusted proxy that says nothing of the scheme, the URL counts', () => {
  expect(transportOf(request('https://example.com/'), 1)).toBe('secure')
  expect(transportOf(request('https://example.com/', { 'x-forwarded-for': '10.0.0.1' }), 1)).toBe('secure')
  // Development with the production setting: nobody stands in front.
  expect(transportOf(request('http://localhost/'), 1)).toBe('loopback')
  expect(transportOf(request('http://localhost/', { 'x-forwarded-for': '10.0.0.1' }), 1)).toBe('plain-http')
  expect(transportOf(request('http://localhost/', { forwarded: 'proto=https' }), 1)).toBe('plain-http')
})

const forwarding = fc.dictionary(
  fc.constantFrom('x-forwarded-proto', 'x-forwarded-for', 'forwarded', 'x-forwarded-ssl', 'x-forwarded-host'),
  fc.constantFrom('https', 'http', 'https,https', 'on', 'localhost', 'proto=https', ''),
)
const plainUrl = fc.constantFrom('http://example.com/', 'http://localhost/', 'http://127.0.0.1/')

test('ASVS-4.1.3 without trustProxy no header that a client can send makes a transport safer', () => {
  fc.assert(
    fc.property(plainUrl, forwarding, (url, headers) => {
      const bare = transportOf(request(url), 0)
      const spoofed = transportOf(request(url, headers), 0)
      expect(['untrusted-proxy', bare]).toContain(spoofed)
    }),
    { seed: 413, numRuns: 500 },
  )
})

test('ASVS-4.1.3 what a client writes in front of the entries of trusted proxies changes nothing', () => {
  const entries = fc.array(fc.constantFrom('http', 'https'), { minLength: 1, maxLength: 4 })
  const spoof = fc.array(fc.constantFrom('https', 'http', 'x', ''), { minLength: 1, maxLength: 4 })
  fc.assert(
    fc.property(entries, spoof, (proxies, spoof) => {
      const honest = { 'x-forwarded-proto': proxies.join(', ') }
      const spoofed = { 'x-forwarded-proto': [...spoof, ...proxies].join(', ') }
      const transport = transportOf(request(proxied, honest), proxies.length)
      expect(transport).toBe(proxies[0] === 'https' ? 'secure' : 'plain-http')
      expect(transportOf(request(proxied, spoofed), proxies.length)).toBe(transport)
    }),
    { seed: 413, numRuns: 500 },
  )
})

test('the remedy names the option that helps', () => {
  expect(remedyFor('untrusted-proxy')).toMatch(/set trustProxy/)
  expect(remedyFor('plain-http')).toMatch(/https.*X-Forwarded-Proto.*trustProxy/)
})
