import { context, metrics, SpanStatusCode, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
  type ReadableSpan,
} from '@opentelemetry/sdk-trace-base'
import type { Session, SessionEvent, SessionManagerOptions, Store } from '@coatcheck/core'
import { memoryStore } from '@coatcheck/core/memory-store'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Browser } from '../../../../test/support/browser.ts'
import { idOf, newerSecret, secret, type Goods } from '../../../../test/support/cloakroom.ts'
import { otel } from './otel.ts'

let spans: InMemorySpanExporter
let exported: InMemoryMetricExporter
let reader: PeriodicExportingMetricReader

beforeEach(() => {
  spans = new InMemorySpanExporter()
  trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] }))
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  exported = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
  // It is asked when the test wants it, never by time.
  reader = new PeriodicExportingMetricReader({ exporter: exported, exportIntervalMillis: 2 ** 31 - 1 })
  metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }))
})

afterEach(async () => {
  await reader.shutdown()
  trace.disable()
  metrics.disable()
  context.disable()
})

/** One shop, observed. */
function open(options: Partial<SessionManagerOptions<Goods>> = {}) {
  const events: SessionEvent[] = []
  const sessions = otel<Goods>({
    secrets: [secret],
    store: memoryStore(),
    onEvent: (event) => events.push(event),
    ...options,
  })
  async function visit(browser: Browser, handler: (session: Session<Goods>) => void): Promise<Response> {
    const response = await sessions.handle(browser.request(), (session) => {
      handler(session)
      return new Response('Welcome', { headers: { 'cache-control': 'public' } })
    })
    return browser.receive(response)
  }
  return { sessions, events, visit }
}

/** The spans since the last call, each with its parent's name. */
function takeSpans(): { name: string; parent: string | undefined; span: ReadableSpan }[] {
  const all = spans.getFinishedSpans()
  const names = new Map(all.map((span) => [span.spanContext().spanId, span.name]))
  spans.reset()
  return all.map((span) => ({
    name: span.name,
    parent: names.get(span.parentSpanContext?.spanId ?? ''),
    span,
  }))
}

interface Point {
  readonly attributes: Readonly<Record<string, unknown>>
  readonly value: unknown
}

async function pointsOf(metric: string): Promise<Point[]> {
  await reader.forceFlush()
  const latest = exported.getMetrics().at(-1)
  const found = latest?.scopeMetrics
    .flatMap(({ metrics: all }) => all)
    .find(({ descriptor }) => descriptor.name === metric)
  return (found?.dataPoints ?? []).map(({ attributes, value }) => ({ attributes, value }))
}

test('load and commit are spans, and each call of the store is a child of its step', async () => {
  const { visit } = open()
  const browser = new Browser()
  await visit(browser, (session) => session.set('views', 1))
  expect(takeSpans().map(({ name, parent }) => [name, parent])).toEqual([
    ['coatcheck.load', undefined],
    ['coatcheck.store.compareAndSet', 'coatcheck.commit'],
    ['coatcheck.commit', undefined],
  ])
  await visit(browser, (session) => session.set('views', 2))
  expect(takeSpans().map(({ name, parent }) => [name, parent])).toEqual([
    ['coatcheck.store.get', 'coatcheck.load'],
    ['coatcheck.load', undefined],
    ['coatcheck.store.compareAndSet', 'coatcheck.commit'],
    ['coatcheck.commit', undefined],
  ])
})

test('the spans belong to the request that is being traced', async () => {
  const { visit } = open()
  await trace.getTracer('test').startActiveSpan('GET /', async (span) => {
    await visit(new Browser(), (session) => session.set('views', 1))
    span.end()
  })
  const all = takeSpans()
  expect(all.find(({ name }) => name === 'coatcheck.load')?.parent).toBe('GET /')
  expect(new Set(all.map(({ span }) => span.spanContext().traceId)).size).toBe(1)
})

test('ASVS-16.2.5 each event is an event of the span where it happened, with the id of its session', async () => {
  const { visit, events } = open()
  const browser = new Browser()
  await visit(browser, (session) => session.login('ann'))
  const commit = takeSpans().find(({ name }) => name === 'coatcheck.commit')!.span
  const id = idOf(browser)
  expect(commit.events.map(({ name, attributes }) => [name, attributes?.['coatcheck.session.id']])).toEqual([
    ['coatcheck.created', id],
    ['coatcheck.login', id],
  ])
  expect(commit.events[1]?.attributes).toMatchObject({ 'enduser.id': 'ann' })
  expect(events.map(({ type }) => type)).toEqual(['created', 'login'])
})

test('events are counted by type and reason, and no id and no user is among the labels', async () => {
  const { visit } = open()
  const browser = new Browser()
  await visit(browser, (session) => session.login('ann'))
  await visit(browser, (session) => session.rotate())
  for (const value of ['stale', 'older']) {
    await visit(new Browser('https://shop.test', [['__Host-Http-sid', value]]), () => {})
  }
  const points = await pointsOf('coatcheck.events')
  expect(points).toEqual([
    { attributes: { 'coatcheck.event.type': 'created' }, value: 1 },
    { attributes: { 'coatcheck.event.type': 'login' }, value: 1 },
    { attributes: { 'coatcheck.event.type': 'rotated' }, value: 1 },
    { attributes: { 'coatcheck.event.type': 'rejected', 'coatcheck.event.reason': 'malformed' }, value: 2 },
  ])
})

test('an old secret can be dropped when its counter stands still', async () => {
  const store = memoryStore()
  const browser = new Browser()
  await open({ store }).visit(browser, (session) => session.set('views', 1))
  await open({ store, secrets: [newerSecret, secret] }).visit(browser, () => {})
  expect(await pointsOf('coatcheck.events')).toContainEqual({
    attributes: { 'coatcheck.event.type': 'old-key', 'coatcheck.event.index': 1 },
    value: 1,
  })
})

test('the time of each call of the store is measured, also where no trace is recorded', async () => {
  trace.disable()
  const { visit } = open()
  const browser = new Browser()
  await visit(browser, (session) => session.set('views', 1))
  await visit(browser, () => {})
  const points = await pointsOf('coatcheck.store.duration')
  expect(points).toEqual([
    {
      attributes: { 'coatcheck.store.operation': 'compareAndSet' },
      value: expect.objectContaining({ count: 1 }),
    },
    { attributes: { 'coatcheck.store.operation': 'get' }, value: expect.objectContaining({ count: 1 }) },
  ])
})

test('ASVS-16.2.5 a failure of the store marks its spans, without the message of the error', async () => {
  const fault = Object.assign(new Error('redis://app:hunter2@cache.test is away'), { code: 'ECONNREFUSED' })
  const store: Store = { ...memoryStore(), get: () => Promise.reject(fault) }
  const browser = new Browser()
  await open().visit(browser, (session) => session.set('views', 1))
  takeSpans()
  await expect(open({ store }).visit(browser, () => {})).rejects.toMatchObject({ code: 'ERR_SESSION_STORE' })
  const all = takeSpans()
  expect(all.map(({ name, span }) => [name, span.status, span.attributes['error.type']])).toEqual([
    ['coatcheck.store.get', { code: SpanStatusCode.ERROR }, 'ECONNREFUSED'],
    ['coatcheck.load', { code: SpanStatusCode.ERROR }, 'ERR_SESSION_STORE'],
  ])
  const shown = JSON.stringify([
    all.map(({ span: { attributes, events, status } }) => ({ attributes, events, status })),
    await pointsOf('coatcheck.events'),
    await pointsOf('coatcheck.store.duration'),
  ])
  expect(shown).not.toContain('hunter2')
})

test('ASVS-16.2.5 no token and no data are in any span or metric', async () => {
  const { visit } = open()
  const browser = new Browser()
  const proofs: string[] = []
  for (const change of [
    (session: Session<Goods>) => session.set('theme', 'midnight'),
    (session: Session<Goods>) => session.login('ann'),
    (session: Session<Goods>) => session.rotate(),
    (session: Session<Goods>) => session.set('theme', 'sunrise'),
  ]) {
    await visit(browser, change)
    proofs.push(browser.value().split('.')[1]!)
  }
  const shown = JSON.stringify([
    takeSpans().map(({ span: { attributes, events, name } }) => ({ attributes, events, name })),
    await pointsOf('coatcheck.events'),
  ])
  expect(shown).toContain(idOf(browser))
  for (const hidden of [...proofs, 'midnight', 'sunrise', secret]) expect(shown).not.toContain(hidden)
})

test('a response whose handler left the session alone stays as cacheable as without telemetry', async () => {
  const { visit } = open()
  const browser = new Browser()
  await visit(browser, (session) => session.set('views', 1))
  const response = await visit(browser, () => {})
  expect(response.headers.get('cache-control')).toBe('public')
  expect(response.headers.has('vary')).toBe(false)
})

test('a handler that throws commits nothing', async () => {
  const { sessions, events } = open()
  const fault = new Error('The kitchen is closed.')
  const handling = sessions.handle(new Browser().request(), (session): Response => {
    session.set('views', 1)
    throw fault
  })
  await expect(handling).rejects.toBe(fault)
  expect(events).toEqual([])
  expect(takeSpans().map(({ name }) => name)).toEqual(['coatcheck.load'])
})

test('a handler that has taken the connection over answers nothing, and no new session is begun', async () => {
  const { sessions, events } = open()
  const answer = await sessions.handle(new Browser().request(), (session) => {
    session.set('views', 1)
    return undefined
  })
  expect(answer).toBeUndefined()
  expect(events).toEqual([{ type: 'withheld', id: null, change: 'create' }])
})

test('without a hook, warnings go to the console', async () => {
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
  try {
    const sessions = otel<Goods>({ secrets: [secret], store: memoryStore() })
    const insecure = new Browser('http://shop.test')
    await sessions.handle(insecure.request(), (session) => {
      session.set('views', 1)
      return new Response()
    })
    expect(warn).toHaveBeenCalledExactlyOnceWith(expect.stringContaining('warn insecure reason=plain-http'))
  } finally {
    warn.mockRestore()
  }
})

test('a store keeps its abilities, also one that is frozen or has private fields', async () => {
  class Shelf {
    readonly #inner = memoryStore()
    readonly consistency = 'eventual'
    get: Store['get'] = (id) => this.#inner.get(id)
    set: Store['set'] = (id, record) => this.#inner.set(id, record)
    delete(id: Parameters<Store['delete']>[0]): ReturnType<Store['delete']> {
      return this.#inner.delete(id)
    }
  }
  const { events, visit } = open({ store: Object.freeze(new Shelf()) })
  expect(events).toEqual([{ type: 'last-write-wins', consistency: 'eventual' }])
  const browser = new Browser()
  await visit(browser, (session) => session.set('views', 1))
  await visit(browser, (session) => session.destroy())
  expect(takeSpans().map(({ name }) => name)).toEqual([
    'coatcheck.load',
    'coatcheck.store.set',
    'coatcheck.commit',
    'coatcheck.store.get',
    'coatcheck.load',
    'coatcheck.store.delete',
    'coatcheck.commit',
  ])
})
