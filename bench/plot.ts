// Bars of added processor time as SVG.
import type { SubjectName } from './results.ts'
import { quantile, spreadOf, type Spread } from './statistics.ts'
import { short } from './tables.ts'

/** One bar. */
export interface Bar {
  readonly name: string
  readonly role: SubjectName['role']
  readonly added: Spread
}

/** The bars of one scenario. */
export interface Group {
  readonly title: string
  readonly bars: readonly Bar[]
}

/** For whom it is drawn. */
export type Theme = 'light' | 'dark'

const colours = {
  light: {
    text: '#1f2328',
    quiet: '#59636e',
    peer: '#b8bfc7',
    background: '#ffffff',
    accent: '#0969da',
    line: '#8c959f',
  },
  dark: {
    text: '#f0f6fc',
    quiet: '#9198a1',
    peer: '#4a525c',
    background: '#0d1117',
    accent: '#4493f8',
    line: '#6e7681',
  },
} as const

const width = 880
const left = 236
const right = 130
const barHeight = 15
const barStep = 21
const groupGap = 36
const top = 66

/** A bar from the rounds of a subject. */
export function barOf({ name, role }: SubjectName, added: readonly number[]): Bar {
  return { name, role, added: spreadOf(added) }
}

/** Draws groups of bars. What is far longer than the rest is cut, and says how long it is. */
export function drawPlot(title: string, groups: readonly Group[], theme: Theme): string {
  const colour = colours[theme]
  const medians = groups.flatMap(({ bars }) => bars.map(({ added }) => added.median))
  const longest = Math.min(Math.max(...medians), 3 * quantile(medians, 0.6))
  const scale = (value: number): number =>
    (Math.max(0, Math.min(value, longest)) / longest) * (width - left - right)
  const parts: string[] = []
  let y = top
  for (const group of groups) {
    parts.push(text(left, y + 4, group.title, `fill="${colour.text}" font-weight="600"`))
    y += 14
    for (const bar of group.bars) {
      parts.push(drawBar(bar, y, scale, longest, colour))
      y += barStep
    }
    y += groupGap - 14
  }
  const height = y - 10
  const axis = `<line x1="${left}" x2="${left}" y1="${top + 8}" y2="${height - 14}" stroke="${colour.line}"/>`
  const head = [
    text(16, 26, title, `fill="${colour.text}" font-size="16" font-weight="600"`),
    text(
      16,
      46,
      'Processor time added to each request, in µs; the bare host is 0. Shorter is better.',
      `fill="${colour.quiet}"`,
    ),
  ]
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="system-ui, sans-serif" font-size="13" role="img">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${width}" height="${height}" fill="${colour.background}"/>`,
    ...head,
    axis,
    ...parts,
    '</svg>\n',
  ].join('\n')
}

type Colours = (typeof colours)[Theme]

function drawBar(
  { added, name, role }: Bar,
  y: number,
  scale: (value: number) => number,
  longest: number,
  colour: Colours,
): string {
  const ours = role === 'coatcheck'
  const length = Math.max(1, scale(added.median))
  const end = left + length
  const middle = y + barHeight / 2
  const fill = ours ? colour.accent : role === 'limit' ? colour.background : colour.peer
  const border = role === 'limit' ? ` stroke="${colour.line}" stroke-dasharray="3 2"` : ''
  const label = ours ? `fill="${colour.accent}" font-weight="600"` : `fill="${colour.quiet}"`
  const isCut = added.median > longest
  const spread = isCut
    ? cut(end, y, colour)
    : `<line x1="${at(left + scale(added.low))}" x2="${at(left + scale(added.high))}" y1="${middle}" y2="${middle}" stroke="${colour.text}" stroke-opacity="0.55"/>`
  const reach = isCut ? end : Math.max(end, left + scale(added.high))
  return [
    text(left - 8, y + 12, name, `${label} text-anchor="end"`),
    `<rect x="${left}" y="${y}" width="${at(length)}" height="${barHeight}" fill="${fill}"${border}/>`,
    spread,
    text(reach + 6, y + 12, short(added.median), ours ? label : `fill="${colour.text}"`),
  ].join('\n')
}

/** Two slanted strokes: the bar goes on. */
function cut(end: number, y: number, colour: Colours): string {
  const stroke = (x: number): string =>
    `<line x1="${at(x)}" x2="${at(x + 5)}" y1="${y + barHeight + 2}" y2="${y - 2}" stroke="${colour.text}" stroke-width="1.5"/>`
  return stroke(end - 22) + stroke(end - 16)
}

function text(x: number, y: number, content: string, attributes: string): string {
  return `<text x="${at(x)}" y="${at(y)}" ${attributes}>${escaped(content)}</text>`
}

function at(value: number): string {
  return String(Math.round(value * 10) / 10)
}

function escaped(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}
