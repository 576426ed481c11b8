// Runs in workerd. One worker for each subject, so that each has its own isolate; the clock stands still there while
// code runs, so the parent measures.
import { checkSubject } from './checks.ts'
import { cookiesFrom } from './cookies.ts'
import { fetchLane, type Lane } from './fetch-lane.ts'
import { scenarioOf, visitorsOf } from './scenarios.ts'
import { workerSubjects } from './subjects/workerd.ts'

/** What the parent asks. */
export interface WorkerTask {
  readonly subject: string
  readonly host: string
  readonly scenario: string
  /** How many requests; 0 checks the subject and makes the cookies. */
  readonly count: number
}

let lane: Lane | undefined
const cookies = new Map<string, string[]>()
let next = 0

export default {
  async fetch(request: Request): Promise<Response> {
    try {
      await work((await request.json()) as WorkerTask)
      return new Response('done')
    } catch (error) {
      return new Response(String(error), { status: 500 })
    }
  },
}

async function work({ count, host, scenario: name, subject: wanted }: WorkerTask): Promise<void> {
  const subject = workerSubjects.find((each) => each.name === wanted && each.host === host)
  if (subject === undefined) throw new Error(`There is no subject '${wanted}'.`)
  console.error = () => {}
  if (lane === undefined) {
    lane = fetchLane((await subject.open()).fetch!)
    await checkSubject(subject, lane)
  }
  const scenario = scenarioOf(name)
  const source = subject.keeps === 'nothing' ? 'none' : scenario.cookies
  const made = { count: Math.min(64, visitorsOf(source, subject.keeps)), milliseconds: Infinity }
  const known = cookies.get(source) ?? (await cookiesFrom(source, [lane], made))
  cookies.set(source, known)
  for (let left = count; left > 0; left--) {
    const nth = next++
    const text = await lane.send(scenario.path(nth), known[nth % known.length]!)
    if (!scenario.answer.test(text)) throw new Error(`${wanted}, ${name}: answered '${text}'.`)
  }
}
