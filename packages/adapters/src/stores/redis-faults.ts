import { within } from './time-limit.ts'

/** What each refusal of a server asks for. */
const remedies: readonly [sign: RegExp, remedy: string][] = [
  [/READONLY/, 'This is a replica: connect the client to the primary.'],
  [/NOAUTH|WRONGPASS|NOPERM/, 'Give the client a user who may read, write and run scripts.'],
  [/CROSSSLOT|undeclared key/i, 'Set the option cluster to true.'],
  [/\b(?:MOVED|ASK)\b/, "This is a node of a cluster: use your driver's cluster client."],
  [/CLUSTERDOWN/, 'A part of the cluster has no primary.'],
  [/\bOOM\b/, "The server's memory is full: give it more."],
  [/WRONGTYPE/, 'The key is used by something else: give the sessions a prefix of their own.'],
  [/client is closed/i, 'Call connect() on the client before its first use, and close it last.'],
  [/ECONNREFUSED|ENOTFOUND/, 'Is the server running, and is this its address?'],
]

/**
 * The answer, but not later than in `timeout` ms. A failure tells what failed, and what to do where that is known.
 * Drivers put the command into their errors, and with it the session's data; those are not passed on.
 */
export function answerOf(call: () => Promise<unknown>, what: string, timeout: number): Promise<unknown> {
  const answer = call().catch((error: unknown) => refuse(what, error))
  return within(timeout, `Redis did not answer within ${timeout} ms (${what}).`, answer)
}

/** Whether the server does not know the script. Upstash's pipelines put a word before it. */
export function isUnknownScript(error: unknown): boolean {
  return error instanceof Error && /^(?:[\w ]+: )?NOSCRIPT/.test(error.message)
}

function refuse(what: string, error: unknown): never {
  const full = error instanceof Error ? error.message || codeOf(error) : String(error)
  const [reason = ''] = full.split(/, command was:/)
  const remedy = remedies.find(([sign]) => sign.test(reason))?.[1]
  const message = `Redis failed at ${what}: ${reason}${/[.!?]$/.test(reason) ? '' : '.'}${remedy === undefined ? '' : ` ${remedy}`}`
  const telling = reason !== full || (error instanceof Error && 'command' in error)
  throw telling ? new Error(message) : new Error(message, { cause: error })
}

/** Connecting to several addresses fails with an error that has no message. */
function codeOf(error: Error): string {
  return 'code' in error ? String(error.code) : error.name
}
