/** Where the sessions are kept: the one setting of the demo. */
export const modes = ['store', 'cookie', 'hybrid'] as const
export type Mode = (typeof modes)[number]

export function isMode(value: unknown): value is Mode {
  return modes.some((mode) => mode === value)
}

/**
 * Reads the setting, `'store'` when there is none.
 *
 * @param name What the setting is called where it is set, for the error.
 */
export function readMode(value: string | undefined, name: string): Mode {
  const mode = value || 'store'
  if (isMode(mode)) return mode
  throw new Error(`${name} must be "store", "cookie" or "hybrid", not ${JSON.stringify(mode)}.`)
}
