// Set up before each test file of the project `node`: a test that makes the library show a secret, a token or a
// broken line anywhere fails, whatever else it asserts.
import { afterEach, expect } from 'vitest'
import { startLeakWatch } from './leak-watch.ts'

const watch = startLeakWatch()

afterEach(async () => {
  expect(await watch.takeFaults()).toEqual([])
})
