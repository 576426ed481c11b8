import {
  context,
  metrics,
  SpanStatusCode,
  trace,
  type Attributes,
  type Counter,
  type Histogram,
  type Span,
} from '@opentelemetry/api'
import {
  createSessionManager,
  type OnEvent,
  type SessionData,
  type SessionEvent,
  type SessionManager,
  type SessionManagerOptions,
} from '@coatcheck/core'
import { consoleEvents } from '@coatcheck/core/console-events'
import { timedStore } from './timed-store.ts'

/** What spans, events and counters are filed under. */
const scope = '@coatcheck/adapters'

/** What tells events of one type apart and has few values: ids, users and what clients wrote are for spans and logs. */
const countedBy = ['reason', 'by', 'operation', 'change', 'consistency', 'index'] as const

interface Instruments {
  /** How often each event happened. */
  readonly events: Counter
  /** How long calls of the store took, in seconds. */
  readonly storeDuration: Histogram
}

/**
 * A session manager like that of `createSessionManager`, which tells OpenTelemetry what it does, through the global
 * providers of `@opentelemetry/api`:
 *
 * - spans `coatcheck.load` and `coatcheck.commit`, with each call of the store as a child (`coatcheck.store.get`, …)
 * - each event as an event of the span that is active, with the id of its session
 * - the counter `coatcheck.events`, by type and reason; the histogram `coatcheck.store.duration`, in seconds
 *
 * Tokens, data and error messages go nowhere; ids and users are on spans only.
 *
 * @param options Those of `createSessionManager`; `onEvent` gets the events too (default: warnings on the console).
 * @example
 * const sessions = otel({ secrets, store: redisStore(client) })
 */
export function otel<Data extends object = SessionData>(
  options: SessionManagerOptions<Data>,
): SessionManager<Data> {
  const { onEvent = consoleEvents({ level: 'warn' }), store } = options
  // Meters are no proxies: one that is asked for before the SDK stands would stay silent for ever.
  let made: Instruments | undefined
  const instruments = (): Instruments => (made ??= createInstruments())
  const manager = createSessionManager<Data>({
    ...options,
    store: timedStore(store, (operation, call) => timed(operation, call, instruments)),
    onEvent: bothOf((event) => report(event, instruments()), onEvent),
  })
  const load: typeof manager.load = (request, options) =>
    inSpan('coatcheck.load', () => manager.load(request, options))
  const commit: typeof manager.commit = (session, about) =>
    inSpan('coatcheck.commit', () => manager.commit(session, about))
  return {
    ...manager,
    load,
    commit,
    // The manager's own would call its load and commit past these. `handle` of core says why it does what.
    async handle(request, handler, about) {
      const session = await load(request, about)
      let response
      try {
        response = await handler(session)
      } catch (error) {
        manager.discard(session)
        throw error
      }
      const headers = await commit(session, { ...about, status: response?.status ?? 101 })
      return response === undefined ? response : headers.applied(response)
    },
  }
}

function createInstruments(): Instruments {
  const meter = metrics.getMeter(scope)
  return {
    events: meter.createCounter('coatcheck.events', { description: 'Decisions about sessions, by type.' }),
    storeDuration: meter.createHistogram('coatcheck.store.duration', {
      description: 'How long calls of the session store took.',
      unit: 's',
    }),
  }
}

/** The wanted hook is called even if telemetry fails. */
function bothOf(first: OnEvent, then: OnEvent): OnEvent {
  return (event) => {
    try {
      first(event)
    } catch (error) {
      console.error('coatcheck: telemetry failed', error)
    }
    // What an asynchronous hook returns is looked after by the manager.
    return then(event)
  }
}

function report(event: SessionEvent, { events }: Instruments): void {
  const facts: Readonly<Record<string, unknown>> = { ...event }
  const few: Attributes = { 'coatcheck.event.type': event.type }
  for (const name of countedBy) {
    const value = facts[name]
    if (typeof value === 'string' || typeof value === 'number') few[`coatcheck.event.${name}`] = value
  }
  events.add(1, few)
  const { id, previous, userId } = facts
  const more: Attributes = { ...few }
  if (typeof id === 'string') more['coatcheck.session.id'] = id
  if (typeof previous === 'string') more['coatcheck.session.previous_id'] = previous
  if (typeof userId === 'string') more['enduser.id'] = userId
  trace.getActiveSpan()?.addEvent(`coatcheck.${event.type}`, more)
}

/** Runs a step as a span that is active meanwhile. */
function inSpan<Result>(
  name: string,
  step: () => Promise<Result>,
  attributes: Attributes = {},
): Promise<Result> {
  const span = trace.getTracer(scope).startSpan(name, { attributes })
  return context.with(trace.setSpan(context.active(), span), () => ended(span, step))
}

async function ended<Result>(span: Span, step: () => Promise<Result>): Promise<Result> {
  try {
    return await step()
  } catch (error) {
    // The message of a store's error may hold anything.
    span.setAttribute('error.type', typeOf(error)).setStatus({ code: SpanStatusCode.ERROR })
    throw error
  } finally {
    span.end()
  }
}

async function timed<Result>(
  operation: string,
  call: () => Promise<Result>,
  instruments: () => Instruments,
): Promise<Result> {
  const attributes: Attributes = { 'coatcheck.store.operation': operation }
  const start = performance.now()
  try {
    // What a store does outside of requests would be a trace of its own each time.
    return await (trace.getActiveSpan() === undefined ? call() : inSpan(`coatcheck.store.${operation}`, call))
  } catch (error) {
    attributes['error.type'] = typeOf(error)
    throw error
  } finally {
    instruments().storeDuration.record((performance.now() - start) / 1000, attributes)
  }
}

function typeOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name
}
