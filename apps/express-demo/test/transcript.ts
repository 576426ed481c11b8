import type { Program } from './program.ts'
import type { Visitor } from '../../../test/express/visitor.ts'

/** What a visitor does: visits a page, sends a form, or waits until the program was restarted. */
export type Step = Visit | { readonly restart: true }

/** A page by its path, or a form that is sent. */
export type Visit = string | { readonly path: string; readonly form: Readonly<Record<string, string>> }

/** Takes the steps and writes down what could be seen of the answers, without what differs from run to run. */
export async function transcriptOf(
  program: Program,
  visitor: Visitor,
  steps: readonly Step[],
): Promise<unknown[]> {
  const seen: unknown[] = []
  for (const step of steps) {
    if (typeof step === 'object' && 'restart' in step) {
      await program.restart()
      continue
    }
    const before = new Map(visitor.cookies)
    const response = await take(visitor, step)
    seen.push({
      step,
      status: response.status,
      text: (await response.text()).replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '<time>'),
      headers: headersOf(response),
      setCookie: [...new Map(response.headers.getSetCookie().map(described)).values()].toSorted(),
      renewed: [...visitor.cookies]
        .filter(([name, value]) => before.get(name) !== value)
        .map(([name]) => name),
      kept: [...visitor.cookies.keys()].toSorted(),
    })
  }
  return seen
}

/** Takes one step as a browser does that follows no redirect. */
export function take(visitor: Visitor, step: Visit): Promise<Response> {
  if (typeof step === 'string') return visitor.visit(step)
  return visitor.visit(step.path, { method: 'POST', body: new URLSearchParams(step.form) })
}

function headersOf(response: Response): Record<string, string> {
  const changing = new Set(['date', 'etag', 'set-cookie'])
  return Object.fromEntries([...response.headers].filter(([name]) => !changing.has(name)))
}

/** A cookie by its name: of one that is taken away, only that; else its attributes. The last one of a name counts. */
function described(field: string): [name: string, description: string] {
  const [pair = '', ...attributes] = field.split(/; */)
  const name = pair.split('=')[0]!
  const expires = attributes.find((attribute) => attribute.startsWith('Expires='))?.slice('Expires='.length)
  if (expires !== undefined && Date.parse(expires) <= Date.now()) return [name, `${name} is taken away`]
  const shown = attributes.map((attribute) => attribute.replace(/^Expires=.*/, 'Expires')).toSorted()
  return [name, [name, ...shown].join('; ')]
}
