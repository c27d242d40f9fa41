import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Server } from './setup/server.ts'
import { checkout, startServer } from './setup/server.ts'

const run = promisify(execFile)

/** The fenced examples of a document, in order. */
function examples(markdown: string): { language: string; code: string }[] {
  return [...markdown.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].map(([, language = '', code = '']) => ({ language, code }))
}

describe('the README', () => {
  let server: Server
  let folder: string
  let environment: Record<string, string>
  beforeAll(async () => {
    server = await startServer()
    // Below the checkout, so that npx and imports find what a reader has installed.
    await mkdir(join(checkout, 'test-results'), { recursive: true })
    folder = await mkdtemp(join(checkout, 'test-results/readme-'))
    environment = {
      ...(process.env as Record<string, string>),
      DATA_DIR: server.dataDir,
      KEEPSAKE_ENDPOINT: server.url,
      XDG_CONFIG_HOME: folder,
    }
  })
  afterAll(async () => {
    await server?.stop()
    if (folder) await rm(folder, { recursive: true, force: true })
  })

  it('has examples that work, one after the other', async () => {
    const text = (await readFile(join(checkout, 'README.md'), 'utf8')).replaceAll(
      /http:\/\/(localhost|127\.0\.0\.1):8787/g,
      server.url,
    )
    const scripts = examples(text).flatMap(({ language, code }, index) => {
      if (language === 'sh') return [code]
      if (language !== 'js') return []
      return [`cat > example-${index}.mjs <<'END_OF_EXAMPLE'\n${code}END_OF_EXAMPLE\nnode example-${index}.mjs\n`]
    })
    expect(scripts.length).toBeGreaterThanOrEqual(5)
    await writeFile(join(folder, 'readme.sh'), `set -euo pipefail\n${scripts.join('\n')}`)
    const { stdout } = await run('bash', ['readme.sh'], { cwd: folder, env: environment, timeout: 120_000 })
    expect(stdout).toContain('bafkreihm64a7oj6z4llxysvetldpxpgjs4tyvsqbbpo65olbyegpktkdli')
    expect(stdout).toContain('hello world!')
    expect(stdout).toMatch(/ipfs:\/\/bafyrei\w+\/metadata\.json\npinned\n/)
  })
})
