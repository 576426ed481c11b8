import type { OnEvent, RejectionReason, SessionEvent } from './manager/events.ts'
import { printable, printableError, shortId } from './manager/printable.ts'

/** How much an event matters, in rising order. */
export type EventLevel = 'debug' | 'info' | 'warn' | 'error'

/** Options of {@link consoleEvents}. */
export interface ConsoleEventsOptions {
  /** Receives each line, without a line break (default: the method of `console` that is named like the level). */
  readonly write?: (line: string, level: EventLevel) => void
  /** The least level that is written (default `'info'`: not what every visit brings about). */
  readonly level?: EventLevel
  /** The clock, in milliseconds since the epoch (default `Date.now`). */
  readonly now?: () => number
}

const levels: readonly EventLevel[] = ['debug', 'info', 'warn', 'error']

/** What is not `info`. */
const levelOf: Readonly<Partial<Record<SessionEvent['type'], EventLevel>>> = {
  updated: 'debug',
  touched: 'debug',
  conflict: 'debug',
  reused: 'warn',
  insecure: 'warn',
  'csrf-denied': 'warn',
  withheld: 'warn',
  'last-write-wins': 'warn',
  'store-failure': 'error',
  'key-provider-failure': 'error',
}

/** Refusals that happen to every visitor who stays away for long. */
const harmless: readonly RejectionReason[] = ['unknown', 'expired', 'superseded']

/**
 * A hook that writes each event as one line for people: the time in UTC, the level, the type, and what else there is to
 * say. Ids are shortened, errors come by name and message, and whatever came from outside is escaped (ASVS 16.4.1).
 *
 * @example
 * createSessionManager({ secrets, store, onEvent: consoleEvents() })
 * // 2026-11-21T09:30:00.000Z warn rejected reason=forged
 */
export function consoleEvents(options: ConsoleEventsOptions = {}): OnEvent {
  const { level: least = 'info', now = Date.now, write = writeToConsole } = options
  return (event) => {
    const level = severityOf(event)
    if (levels.indexOf(level) < levels.indexOf(least)) return
    write(`${new Date(now()).toISOString()} ${level} ${lineOf(event)}`, level)
  }
}

function severityOf(event: SessionEvent): EventLevel {
  if (event.type === 'rejected') return harmless.includes(event.reason) ? 'info' : 'warn'
  return levelOf[event.type] ?? 'info'
}

function lineOf({ type, ...facts }: SessionEvent): string {
  const said = Object.entries(facts)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `${name}=${quoted(textOf(name, value))}`)
  return [type, ...said].join(' ')
}

function textOf(name: string, value: unknown): string {
  if (name === 'error') return printableError(value)
  if (name === 'id' || name === 'previous') return shortId(value as Parameters<typeof shortId>[0])
  if (name === 'remedy') return String(value)
  return printable(String(value))
}

/** Bare where the text cannot be mistaken for anything else. */
function quoted(text: string): string {
  return /^[\w.:/@+-]+$/.test(text) ? text : `"${text.replaceAll('"', '\\"')}"`
}

function writeToConsole(line: string, level: EventLevel): void {
  console[level](line)
}
