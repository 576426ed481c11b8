import type { Backend } from './backend.ts'

/** A backend that is loaded when it is first needed. What it needs a cookie for is known before, as of another one. */
export function lazily<Trace>(
  { needsCookie }: Pick<Backend<unknown>, 'needsCookie'>,
  load: () => Promise<Backend<Trace>>,
): Backend<Trace> {
  // The backend itself is kept and not its promise: in workerd a promise belongs to the request that made it.
  let loaded: Backend<Trace> | undefined
  const backend = async (): Promise<Backend<Trace>> => (loaded ??= await load())
  return {
    needsCookie,
    recall: async (...about) => (await backend()).recall(...about),
    recallForeign: async (foreign) => (await backend()).recallForeign(foreign),
    keep: async (...about) => (await backend()).keep(...about),
    reload: async (...about) => (await backend()).reload(...about),
  }
}
