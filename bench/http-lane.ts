// Asks a server over a socket: for checks and for cookies on the wire. What is timed there, wrk asks.
import { Agent, request } from 'node:http'
import { text } from 'node:stream/consumers'
import { browserHeaders, type Answer, type Lane } from './fetch-lane.ts'

/** Opens a lane to a port of this machine; it keeps its connection. */
export function httpLane(port: number): Lane {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const ask = (path: string, cookie: string): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const headers = { ...browserHeaders, cookie }
      const sent = request({ agent, host: 'localhost', port, path, headers }, (response) => {
        const { headers, statusCode = 0 } = response
        text(response).then(
          (text) => resolve({ status: statusCode, text, cookies: headers['set-cookie'] ?? [] }),
          reject,
        )
      })
      sent.on('error', reject)
      sent.end()
    })
  return {
    ask,
    async send(path, cookie) {
      const { status, text } = await ask(path, cookie)
      return status === 200 ? text : `status ${status}`
    },
  }
}
