import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startDemo, type Demo, type DemoOptions } from '../server.ts'

/** A demo on a free port, with a folder of its own that goes when it stops. */
export async function startTemporaryDemo(options: DemoOptions = {}): Promise<Demo> {
  const dataDir = await temporaryFolder()
  const demo = await startDemo({ port: 0, dataDir, log: () => {}, ...options })
  return {
    ...demo,
    async stop() {
      await demo.stop()
      await rm(dataDir, { recursive: true })
    },
  }
}

export function temporaryFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'coatcheck-demo-'))
}
