import { describe, expect, test } from 'vitest'
import { storeFault, type Fault } from './counting-store.ts'
import { courseOf, perform, setTheStage, shows, type FaultStage, type Operation } from './fault-stage.ts'

const faults: readonly Fault[] = ['fails', 'does it, but reports failure']

/** Lets each store call of an operation fail, one at a time and all from one on. */
export function testFaults(name: string, operation: Operation): void {
  describe(`ASVS-16.5.3 ${name}`, () => testOperation(operation))
}

function testOperation(operation: Operation): void {
  test.for(faults)('is an error or done completely, whichever store call %s', async (fault) => {
    const course = await courseOf(operation)
    expect(course.calls).toBeGreaterThan(0)
    for (let failing = 0; failing < course.calls; failing++) {
      const stage = await setTheStage(operation)
      const { bystander, visitor, well } = stage
      const old = visitor.copy()
      const error = await perform(operation, stage, (index) => (index === failing ? fault : 'none'))
      const about = `call ${failing + 1} of ${course.calls}`
      if (error === null) {
        expect(await shows(well, visitor), about).toBe(course.after)
        expect(await shows(well, bystander), about).toBe(course.bystander[1])
      } else {
        expect(error, about).toMatchObject({ code: 'ERR_SESSION_STORE', cause: storeFault })
        // No cookie was sent, and the one that there is leads to the whole of before or of after.
        expect(visitor.cookie, about).toBe(old.cookie)
        expectOneOf([course.before, course.oldCookie], operation, await shows(well, old), about)
        expectOneOf([...course.bystander, course.after], operation, await shows(well, bystander), about)
      }
      expect(await strays(stage), about).toEqual([])
      await expectRetry(operation, stage, course.after, about)
    }
  })

  test('is an error, and can be tried again, when the store stays away from any call on', async () => {
    const course = await courseOf(operation)
    for (let from = 0; from < course.calls; from++) {
      for (const first of faults) {
        const stage = await setTheStage(operation)
        const { visitor, well } = stage
        const { cookie } = visitor
        const error = await perform(operation, stage, (index) =>
          index < from ? 'none' : index === from ? first : 'fails',
        )
        const about = `from call ${from + 1} of ${course.calls} on, which ${first}`
        if (error === null) {
          expect(await shows(well, visitor), about).toBe(course.after)
        } else {
          expect(error, about).toMatchObject({ code: 'ERR_SESSION_STORE', cause: storeFault })
          expect(visitor.cookie, about).toBe(cookie)
          expectOneOf([course.before, course.oldCookie], operation, await shows(well, visitor), about)
        }
        if (course.before === 'none' || (await shows(well, visitor)) !== 'none') {
          await expectRetry(operation, stage, course.after, about)
        } else {
          // The old id was ended, and the store went away before it could be said: the user signs in again.
          await well.visit(visitor, (session) => session.login('ann'))
          expect(await shows(well, visitor), about).toBe('ann, aal null, actor null')
        }
      }
    }
  })
}

/** Live records that no cookie of anybody leads to: a half login would leave one. */
async function strays({ bystander, visitor, well }: FaultStage): Promise<string[]> {
  const known = await Promise.all([visitor, bystander].map(async (each) => (await well.load(each)).id))
  const users = await Promise.all(['ann', 'bob'].map((user) => well.memory.listByUser(user)))
  return users.flatMap((records) => [...records.keys()].filter((id) => !known.includes(id)))
}

function expectOneOf(known: readonly string[], { between }: Operation, seen: string, about: string): void {
  if (!between?.test(seen)) expect(known, about).toContain(seen)
}

async function expectRetry(
  operation: Operation,
  stage: FaultStage,
  after: string,
  about: string,
): Promise<void> {
  expect(await perform(operation, stage, () => 'none'), `${about}, again`).toBeNull()
  const seen = await shows(stage.well, stage.visitor)
  if (!operation.again?.test(seen)) expect(seen, `${about}, again`).toBe(after)
}
