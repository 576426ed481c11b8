// Makes the tables of README.md and the plots from results.json: `node bench/report.ts` does it anew.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { barOf, drawPlot, type Group } from './plot.ts'
import { readResults, type Circumstances, type InProcessRow, type Results, type WireRow } from './results.ts'
import * as tables from './tables.ts'
import { hostNames } from './subjects/subject.ts'
import { addedOf, targetsOf } from './targets.ts'

const folder = fileURLToPath(new URL('.', import.meta.url))
const begin = '<!-- prettier-ignore-start -->'
const end = '<!-- prettier-ignore-end -->'

/** Writes the tables and the plots. */
export function writeReport(results: Results = readResults()): void {
  const path = `${folder}README.md`
  const readme = readFileSync(path, 'utf8')
  const [from, to] = [readme.indexOf(begin), readme.indexOf(end)]
  if (from === -1 || to < from) throw new Error(`bench/README.md has lost its marks: ${begin} … ${end}`)
  const sections = [
    whereAndWhen(results),
    targetSection(results),
    ...inProcessSections(results),
    ...visitorsSections(results),
    ...wireSections(results),
    ...otherSections(results),
  ]
  writeFileSync(path, `${readme.slice(0, from)}${begin}\n\n${sections.join('\n\n')}\n\n${readme.slice(to)}`)
}

function targetSection(results: Results): string {
  return `## What has to hold\n\n${tables.targetTable(targetsOf(results))}`
}

function inProcessSections(results: Results): string[] {
  const part = results['in-process']
  if (part === undefined) return []
  const hosts = Object.entries(hostNames).flatMap(([host, name]) => {
    const rows = part.rows.filter((row) => row.host === host)
    if (rows.length === 0) return []
    const plot = plotOf(rows, `${host}-in-process`, `${name}, in process`, [
      'new visitor',
      'read',
      'write',
      'forged',
    ])
    const added = `Added processor time, µs (64 at once; the bare host in italics):\n\n${tables.inProcessTable(rows)}`
    const alone = `A request that is alone, p50 / p99 in µs:\n\n${tables.aloneTable(rows)}`
    return [`### ${name}`, plot, added, alone]
  })
  return ['## In process', ...hosts]
}

function visitorsSections({ visitors }: Results): string[] {
  if (visitors === undefined) return []
  const hosts = [...new Set(visitors.rows.map(({ host }) => host))].map(
    (host) =>
      `On ${hostNames[host]}:\n\n${tables.visitorsTable(visitors.rows.filter((row) => row.host === host))}`,
  )
  return [`## A million visitors\n\n${hosts.join('\n\n')}`]
}

function wireSections(results: Results): string[] {
  const part = results.wire
  if (part === undefined) return []
  const hosts = Object.entries(hostNames).flatMap(([host, name]) => {
    const rows = part.rows.filter((row) => row.host === host)
    if (rows.length === 0) return []
    const plot = plotOf(rows, `${host}-wire`, `${name}, on the wire`, ['read', 'write'])
    return [`### ${name}, on the wire`, plot, tables.wireTable(rows)]
  })
  return ['## On the wire', ...hosts]
}

function otherSections({ memory, redis, workerd }: Results): string[] {
  const sections: string[] = []
  if (redis) sections.push(`## Redis\n\n${tables.redisTables(redis.rows)}`)
  if (memory) sections.push(`## Memory\n\n${tables.memoryTable(memory.rows)}`)
  if (workerd) {
    const hosts = [...new Set(workerd.rows.map(({ host }) => host))].map((host) => {
      const rows = workerd.rows.filter((row) => row.host === host)
      return `${hostNames[host]}, wall clock, µs added (the bare host in italics):\n\n${tables.workerdTable(rows)}`
    })
    sections.push(`## workerd\n\n${hosts.join('\n\n')}`)
  }
  return sections
}

/** Only where there is somebody to compare with. */
function plotOf(
  rows: readonly (InProcessRow | WireRow)[],
  file: string,
  title: string,
  scenarios: readonly string[],
): string {
  const groups = scenarios.flatMap((scenario): Group[] => {
    const compared = rows.filter((row) => row.scenario === scenario && row.role !== 'floor')
    const bars = compared.flatMap((row) => {
      const added = addedOf(rows, row, ({ cpu }) => cpu)
      return added === null ? [] : [barOf(row, added)]
    })
    const sorted = bars.toSorted((one, other) => one.added.median - other.added.median)
    return sorted.length === 0 ? [] : [{ title: scenario, bars: sorted }]
  })
  if (groups.length === 0) return ''
  mkdirSync(`${folder}plots`, { recursive: true })
  for (const theme of ['light', 'dark'] as const) {
    writeFileSync(`${folder}plots/${file}-${theme}.svg`, drawPlot(title, groups, theme))
  }
  return [
    '<picture>',
    `  <source media="(prefers-color-scheme: dark)" srcset="plots/${file}-dark.svg">`,
    `  <img alt="${title}: the table below as bars" src="plots/${file}-light.svg">`,
    '</picture>',
  ].join('\n')
}

/** The parts may have been measured one by one. */
function whereAndWhen(results: Results): string {
  const measured = Object.entries(results).map(([part, { circumstances }]) => ({ part, ...circumstances }))
  const lines = measured.map(
    ({ command, cores, cpu, date, node, part }) =>
      `- ${part}: \`${command}\`, ${date}, ${cpu} (${cores} cores), Node ${node}`,
  )
  const versions = Object.assign({}, ...measured.map(({ versions }) => versions)) as Circumstances['versions']
  const packages = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  return `## Where and when\n\n${lines.join('\n')}\n\nWith ${packages.join(', ')}.`
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeReport()
