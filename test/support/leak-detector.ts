import { inspect } from 'node:util'

/** Collects what must stay hidden and what was shown, and tells where the one is in the other. */
export interface LeakDetector {
  /** Notes a text that nobody may see: `what` is the word for it in a fault. */
  hide(what: string, text: string): void
  /** Notes a text that was shown, for example to a log. */
  show(where: string, text: string): void
  /** Notes an event, an error, a session, …: all that `JSON.stringify` and `util.inspect` make of it. */
  showObject(where: string, object: unknown): void
  /** One sentence for each leak in what was shown since the last call. None of them repeats the leak. */
  takeFaults(): string[]
}

/** So many characters in a row give a text away; they are looked for at each eighth of them. */
const piece = 16
const step = 8

/** What breaks a line or drives a terminal. */
const control = /[\p{Cc}\u2028\u2029]/u

export function createLeakDetector(): LeakDetector {
  /** What each piece of a hidden text belongs to. */
  const hidden = new Map<string, string>()
  let shown: { where: string; text: string }[] = []
  let faults: string[] = []

  function hideExactly(what: string, text: string): void {
    for (let at = 0; at + piece <= text.length; at += step) {
      const part = text.slice(at, at + piece)
      // What a test wrote by repeat() would be found everywhere.
      if (new Set(part).size >= piece / 2) hidden.set(part, what)
    }
  }

  function show(where: string, text: string): void {
    shown.push({ where, text })
  }

  return {
    hide(what, text) {
      const bytes = Buffer.from(text)
      const decoded = Buffer.from(text, 'base64url')
      const disguises = [bytes.toString('hex'), bytes.toString('base64'), decoded.toString('hex')]
      for (const form of [text, ...disguises, decoded.toString('base64')]) hideExactly(what, form)
    },
    show,
    showObject(where, object) {
      for (const text of textsOf(object)) show(where, text)
      if (brokenLine(object)) faults.push(`${where} holds a control character`)
    },
    takeFaults() {
      for (const { where, text } of shown) {
        for (const what of new Set(leaksIn(text, hidden))) faults.push(`${where} shows ${what}`)
      }
      const taken = [...new Set(faults)]
      shown = []
      faults = []
      return taken
    },
  }
}

function* leaksIn(text: string, hidden: ReadonlyMap<string, string>): Generator<string> {
  for (let at = 0; at + piece <= text.length; at++) {
    const what = hidden.get(text.slice(at, at + piece))
    if (what !== undefined) yield what
  }
}

/** All that a log, a crash report or an API could make of a value. */
function textsOf(value: unknown): string[] {
  const everything = { depth: Infinity, showHidden: true, maxArrayLength: null, maxStringLength: null }
  const texts = [inspect(value), inspect(value, everything), jsonOf(value)]
  for (const error of errorsIn(value)) {
    texts.push(String(error), error.stack ?? '', jsonOf(error, Object.getOwnPropertyNames(error)))
  }
  return texts
}

function jsonOf(value: unknown, names?: string[]): string {
  try {
    return JSON.stringify(value, names) ?? ''
  } catch {
    // A cycle, or a getter that throws; inspect has shown it.
    return ''
  }
}

/** The errors in a value, down their chains of causes. */
function errorsIn(value: unknown): Error[] {
  if (value instanceof Error) return [value, ...errorsIn(value.cause)]
  if (typeof value !== 'object' || value === null || !('error' in value)) return []
  return errorsIn(value.error)
}

/** Whether a text that the library chose would break the line of a log. What the store threw is the store's own. */
function brokenLine(value: unknown): boolean {
  if (typeof value === 'string') return control.test(value)
  if (value instanceof Error) return value.name === 'SessionError' && control.test(value.message)
  if (Array.isArray(value)) return value.some(brokenLine)
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype)
    return false
  return Object.values(value).some(brokenLine)
}
