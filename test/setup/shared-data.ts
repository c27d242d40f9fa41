import { existsSync } from 'node:fs'
import { join } from 'node:path'

const checkout = join(import.meta.dirname, '../..')

/** Where real data may lie: named, beside the checkout, or beside the folder of a worktree. */
function folders(): string[] {
  const named = process.env.KEEPSAKE_TEST_DATA
  return named ? [named] : [join(checkout, '../shared/data'), join(checkout, '../../shared/data')]
}

/**
 * Path of real data that is too large or too foreign for this repository, as in `sharedData('filecoin/commp/hashhash-zero.csv')`.
 * Undefined, with one line that says so, where it is absent: such a test is skipped.
 */
export function sharedData(path: string): string | undefined {
  const found = folders()
    .map((folder) => join(folder, path))
    .find((candidate) => existsSync(candidate))
  if (found === undefined) {
    process.stderr.write(`Skipped: ${path} is not here; KEEPSAKE_TEST_DATA names the folder of shared test data.\n`)
  }
  return found
}
