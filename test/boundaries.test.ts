import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { boundariesJson } from '../scripts/boundaries.ts'

const root = join(import.meta.dirname, '..')
const biome = join(root, 'node_modules/.bin/biome')

/** What Biome says about files at these paths under the project's own configuration. */
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'keepsake-boundaries-'))
  for (const name of ['biome.json', 'biome.boundaries.json']) await cp(join(root, name), join(folder, name))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

async function lint(files: Record<string, string>): Promise<string> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), text)
  }
  const args = ['lint', '--vcs-enabled=false', '--error-on-warnings', '--max-diagnostics=50', ...Object.keys(files)]
  return await new Promise((resolve) => {
    execFile(biome, args, { cwd: folder }, (error, stdout, stderr) => resolve(error ? stdout + stderr : ''))
  })
}

const from = (path: string) => `import { x } from '${path}'\n\nexport const y = x\n`

describe('the boundaries', () => {
  it('are those of the table in scripts/boundaries.ts', async () => {
    expect(await readFile(join(root, 'biome.boundaries.json'), 'utf8')).toBe(boundariesJson())
  })

  it.each([
    ['a foundation imports a part', 'packages/server/src/http/a.ts', '../uploads/uploads.ts'],
    ['a foundation imports a face', 'packages/server/src/blobs/a.ts', '../gateway/routes.ts'],
    ['an earlier part imports a later one', 'packages/server/src/blocks/a.ts', '../uploads/uploads.ts'],
    ['a part imports a face', 'packages/server/src/uploads/a.ts', '../gateway/routes.ts'],
    ["a part reads another part's store", 'packages/server/src/uploads/a.ts', '../blocks/store.ts'],
    ["a face reads a part's store", 'packages/server/src/status/a.ts', '../uploads/store.ts'],
    ['the command imports the server', 'packages/cli/src/commands/a.ts', '@keepsake/server/config.ts'],
    ['content imports the server', 'packages/content/src/a.ts', '@keepsake/server/config.ts'],
    ['content needs Node', 'packages/content/src/a.ts', 'node:fs'],
  ])('are defended when %s', async (_name, path, imported) => {
    expect(await lint({ [path]: from(imported) })).toContain('noRestrictedImports')
  })

  it('let a part import an earlier one', async () => {
    expect(await lint({ 'packages/server/src/uploads/b.ts': from('../blocks/blocks.ts') })).not.toContain('noRestrictedImports')
  })

  it('are defended when files import each other in a circle', async () => {
    const files = {
      'packages/server/src/uploads/c.ts': `import { y } from './d.ts'\n\nexport const x = () => y\n`,
      'packages/server/src/uploads/d.ts': `import { x } from './c.ts'\n\nexport const y = () => x\n`,
    }
    expect(await lint(files)).toContain('noImportCycles')
  })
})
