import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CommandError } from '../failure.ts'
import { renderPage } from './page.ts'
import { documentVersion, type History, type RunRecord } from './run-record.ts'

/** Runs that are kept; the oldest go. */
const maxRuns = 500

async function readHistory(path: string): Promise<History> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (text === undefined) return { version: documentVersion, runs: [] }
  try {
    const history = JSON.parse(text) as History
    if (history.version === documentVersion && Array.isArray(history.runs)) return history
  } catch {
    // Told below.
  }
  throw new CommandError(`${path} is no record of deal flows of this version. Move it away, or name another folder with --out.`)
}

/** Written beside and renamed, so that a run that is broken off leaves the old one. */
async function replace(path: string, text: string): Promise<void> {
  const draft = `${path}.${process.pid}.tmp`
  await writeFile(draft, text)
  await rename(draft, path)
}

/** Fails before the run rather than after it. */
export async function openHistory(folder: string): Promise<{ add(run: RunRecord): Promise<{ json: string; html: string }> }> {
  await mkdir(folder, { recursive: true })
  const json = join(folder, 'dealflow.json')
  const html = join(folder, 'dealflow.html')
  const { runs } = await readHistory(json)
  return {
    async add(run) {
      runs.push(run)
      const kept = runs.slice(-maxRuns)
      await replace(json, `${JSON.stringify({ version: documentVersion, runs: kept } satisfies History, null, 2)}\n`)
      await replace(html, renderPage(kept))
      return { json, html }
    },
  }
}
