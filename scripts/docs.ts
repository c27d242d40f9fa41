// npm run docs: writes what is made from code: docs/openapi.json, docs/configuration.md and biome.boundaries.json.
// With --check nothing is written; it fails where a document is not what the code says.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createApp } from '@keepsake/server/app.ts'
import { parseConfig } from '@keepsake/server/config.ts'
import type { Setting } from '@keepsake/server/config-setting.ts'
import { settings } from '@keepsake/server/config-settings.ts'
import { openApiDocument } from '@keepsake/server/openapi/document.ts'
import { openService, type Service } from '@keepsake/server/service.ts'
import { readBuildInfo } from '@keepsake/server/status/version.ts'
import pino from 'pino'
import { boundariesJson } from './boundaries.ts'

const root = join(import.meta.dirname, '..')

/** A value in the cell of a Markdown table. */
const cell = (text: string) => text.replaceAll('|', '\\|').replaceAll('\n', ' ')

function defaultOf({ initial, initialText }: Setting<unknown>): string {
  if (initialText !== undefined) return initialText
  return initial === undefined ? 'none' : `\`${initial}\``
}

/** `docs/configuration.md`: every setting by section, in the order of the code. */
export function configurationPage(): string {
  const sections = Map.groupBy(Object.entries(settings) as [string, Setting<unknown>][], ([, { section }]) => section)
  const tables = [...sections].map(([section, entries]) => {
    const rows = entries.map(([name, setting]) => {
      const secret = setting.secret ? ' Secret: never logged.' : ''
      return `| \`${name}\` | ${cell(defaultOf(setting))} | ${cell(setting.expects)} | ${cell(setting.description)}${secret} |`
    })
    return `## ${section}\n\n| setting | default | expected | meaning |\n| --- | --- | --- | --- |\n${rows.join('\n')}\n`
  })
  return `# Configuration

The configuration is the environment. It is read once at start; all mistakes are reported together, each with what was expected and
what came. An empty value is the same as none. This page is made from \`packages/server/src/config-settings.ts\` by \`npm run docs\`.

${tables.join('\n')}`
}

/** `docs/openapi.json`: what a server with the default configuration answers at `/api/openapi.json`. */
async function openApiJson(service: Service): Promise<string> {
  const app = await createApp({ ...service, config: parseConfig({}) }, await readBuildInfo())
  await app.ready()
  try {
    return `${JSON.stringify(openApiDocument(app), undefined, 2)}\n`
  } finally {
    await app.close()
  }
}

/** Every generated document by its path in the project. */
export async function renderDocs(service: Service): Promise<Map<string, string>> {
  return new Map([
    ['docs/configuration.md', configurationPage()],
    ['docs/openapi.json', await openApiJson(service)],
    ['biome.boundaries.json', boundariesJson()],
  ])
}

/** The paths of documents that are missing or not what they should be. */
export async function staleDocs(documents: ReadonlyMap<string, string>): Promise<string[]> {
  const stale: string[] = []
  for (const [path, text] of documents) {
    const present = await readFile(join(root, path), 'utf8').catch(() => undefined)
    if (present !== text) stale.push(path)
  }
  return stale
}

async function main(isCheck: boolean): Promise<void> {
  const dataDir = await mkdtemp(join(tmpdir(), 'keepsake-docs-'))
  try {
    await using service = await openService({
      config: parseConfig({ DATA_DIR: dataDir }),
      log: pino({ level: 'error' }),
      mode: 'server',
    })
    const documents = await renderDocs(service)
    const stale = await staleDocs(documents)
    if (isCheck && stale.length > 0) {
      process.stderr.write(`Not what the code says: ${stale.join(', ')}. Run: npm run docs\n`)
      process.exitCode = 1
      return
    }
    for (const path of isCheck ? [] : stale) await writeFile(join(root, path), documents.get(path) as string)
    process.stdout.write(stale.length > 0 ? `Written: ${stale.join(', ')}\n` : 'The documents are what the code says.\n')
  } finally {
    await rm(dataDir, { recursive: true, force: true })
  }
}

if (import.meta.main) await main(process.argv.includes('--check'))
