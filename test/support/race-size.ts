/**
 * How many requests are raced at a time over stores whose every call waits for a disk or a server. Pairs find nearly
 * all and are quick; triples take minutes in all, so they are raced in CI, or with `RACES=3`.
 */
export const raceSize: 2 | 3 = process.env['CI'] !== undefined || process.env['RACES'] === '3' ? 3 : 2
