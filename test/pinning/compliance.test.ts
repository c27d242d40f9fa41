import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { upload, valueIn } from '../setup/api.ts'
import { npmProgram } from '../setup/npm-program.ts'
import type { Server } from '../setup/server.ts'
import { startServer } from '../setup/server.ts'
import { startsServers } from '../setup/shared.ts'

const suite = '@ipfs-shipyard/pinning-service-compliance'
const folder = await npmProgram(suite, '1.8.1')

/** The suite makes one request a second. */
const timeoutMs = 240_000
/** More contents than it pins. */
const contents = 40

describe.skipIf(!folder || !startsServers)('the public suite of the Pinning Service API', () => {
  let server: Server
  let reports: string
  beforeAll(async () => {
    server = await startServer()
    reports = await mkdtemp(join(tmpdir(), 'keepsake-compliance-'))
    // It lists what it has just pinned as pinned, which is true where the content is here: so somebody else stores it first.
    const key = await server.createKey()
    for (let n = 0; n < contents; n++) {
      const stored = valueIn(await upload(server.apiUrl, key, Buffer.from(`content ${n}`), 'text/plain'))
      expect(stored.cid).toMatch(/^bafkrei/)
    }
  })
  afterAll(async () => {
    await server?.stop()
    if (reports) await rm(reports, { recursive: true, force: true })
  })

  /** Runs the suite and gives its report. */
  async function run(key: string): Promise<string> {
    const program = join(folder as string, 'node_modules', suite, 'dist/src/index.js')
    const args = ['--import', join(import.meta.dirname, 'compliance-preload.mjs'), program, '-s', server.apiUrl, key]
    const env = {
      PATH: process.env.PATH ?? '',
      HOME: reports,
      SPECIFICATION: join(import.meta.dirname, 'pinning-service.yaml'),
      REPORT_FOLDER: reports,
      npm_package_name: 'compliance',
    }
    // Its logs go where it is run.
    await promisify(execFile)(process.execPath, args, { cwd: reports, env, timeout: timeoutMs, maxBuffer: 64 * 1024 * 1024 })
    const [report] = (await readdir(reports)).filter((name) => name.endsWith('.md'))
    return await readFile(join(reports, report as string), 'utf8')
  }

  it('passes, all of it', { timeout: timeoutMs }, async () => {
    const report = await run(await server.createKey({ scope: 'pins' }))
    const marks = report
      .split('\n')
      .filter((line) => /[🟢❌⚠]|Summary/u.test(line))
      .join('\n')
    expect(report.match(/Summary \((\d+)\/(\d+) successful\)/)?.[0], marks).toBe('Summary (9/9 successful)')
    expect(marks).not.toContain('❌')
  })
})
