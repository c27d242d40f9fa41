import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { call, valueIn } from './setup/api.ts'
import type { Server } from './setup/server.ts'
import { checkout, startServer } from './setup/server.ts'

const run = promisify(execFile)
// Packed at once, so that nobody has to wait.
const packing = { AGGREGATE_PROFILE: 'trial', AGGREGATE_SETTLE_SECONDS: '0', AGGREGATE_FORCE_SECONDS: '0' }

describe('proofs', () => {
  let server: Server
  let folder: string
  beforeAll(async () => {
    server = await startServer({ env: packing })
    // Below the checkout, so that npx finds what a reader has installed.
    await mkdir(join(checkout, 'test-results'), { recursive: true })
    folder = await mkdtemp(join(checkout, 'test-results/proofs-'))
  })
  afterAll(async () => {
    await server?.stop()
    if (folder) await rm(folder, { recursive: true, force: true })
  })

  it('are checked as the page about them says, with our program and without', async () => {
    const text = (await readFile(join(checkout, 'docs/proofs.md'), 'utf8')).replaceAll('http://localhost:8787', server.url)
    const examples = [...text.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].map(([, language = '', code = '']) => ({
      language,
      code,
    }))
    const scripts = examples.flatMap(({ language, code }) => {
      if (language === 'sh') return [code]
      return language === 'js' ? [`cat > check.mjs <<'END_OF_EXAMPLE'\n${code}END_OF_EXAMPLE\nnode check.mjs\n`] : []
    })
    expect(scripts).toHaveLength(3)
    await writeFile(join(folder, 'art.txt'), 'a painting\n')
    await writeFile(join(folder, 'proofs.sh'), `set -euo pipefail\n${scripts.join('\n')}`)
    const env = {
      ...(process.env as Record<string, string>),
      DATA_DIR: server.dataDir,
      KEEPSAKE_ENDPOINT: server.url,
      KEEPSAKE_KEY: await server.createKey(),
      XDG_CONFIG_HOME: folder,
    }
    const { stdout } = await run('bash', ['proofs.sh'], { cwd: folder, env, timeout: 110_000 })
    expect(stdout.match(/✓ The piece begins with the header of a CAR/g)).toHaveLength(2)
    expect(stdout).toContain('"outcome": "verified"')
    expect(stdout).toMatch(/\nThe piece holds it\.\n$/)
  })

  it('are for anybody, and there is a reason where there is none', async () => {
    const unknown = 'bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku'
    const none = await call(server.apiUrl, 'GET', `/proof/${unknown}`)
    expect(none.status).toBe(404)
    expect(JSON.parse(none.text)).toMatchObject({ ok: false, error: { message: `${unknown} is not stored here.` } })
    expect((await call(server.apiUrl, 'GET', '/proof/nonsense')).status).toBe(400)
    const key = await server.createKey()
    const { cid } = valueIn(await call(server.apiUrl, 'POST', '/upload', { key, body: 'for anybody' }))
    await expect.poll(async () => (await call(server.apiUrl, 'GET', `/proof/${cid}`)).status, { timeout: 60_000 }).toBe(200)
  })

  it('have a schema at an address of its own', async () => {
    const schema = await call(server.apiUrl, 'GET', '/schemas/proof-1.json')
    expect(JSON.parse(schema.text)).toMatchObject({
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      $id: `${server.apiUrl}/schemas/proof-1.json`,
      title: 'Proof',
      required: ['format', 'version', 'root', 'dag', 'shard', 'places', 'checksum'],
    })
  })
})
