import expressSession from 'express-session'
import dropIn from '@coatcheck/adapters/express-session'

/** express-session itself, which says what is expected, and what takes its place. */
export type Implementation = typeof expressSession

/** To run one test over both: where they must agree, express-session is the judge of the test. */
export const implementations: readonly (readonly [name: string, session: Implementation])[] = [
  ['express-session', expressSession],
  ['the drop-in', dropIn as unknown as Implementation],
]
