// `pnpm test`. Plain JavaScript, because an old Node cannot read the TypeScript that it would need to say so.
const [major, minor] = process.versions.node.split('.').map(Number)
if (major < 22 || (major === 22 && minor < 18)) {
  console.error(`coatcheck's tests need Node 22.18 or newer; this is ${process.version}.`)
  process.exit(1)
}
const { runTests } = await import('./run-tests.ts')
process.exitCode = await runTests(process.argv.slice(2))
