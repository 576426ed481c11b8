import type { SessionManager } from '@coatcheck/core'

/**
 * A manager, or a function that makes one from a Worker's bindings; it runs once for each `env` object. Elsewhere
 * that object may be another in each request, and so would be the manager: make it once, and pass it.
 */
export type ManagerSource<Data extends object, Env> =
  | SessionManager<Data>
  | ((env: Env) => SessionManager<Data>)

/** Finds the manager for the bindings of a request. */
export function managerFinder<Data extends object, Env>(
  source: ManagerSource<Data, Env>,
): (env: Env) => SessionManager<Data> {
  if (typeof source !== 'function') return () => source
  const managers = new WeakMap<object, SessionManager<Data>>()
  const withoutEnv = {}
  return (env) => {
    const key = typeof env === 'object' && env !== null ? env : withoutEnv
    const known = managers.get(key)
    if (known !== undefined) return known
    const made = source(env)
    managers.set(key, made)
    return made
  }
}
