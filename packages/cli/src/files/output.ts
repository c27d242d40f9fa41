import { stat } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import type { UnpackedEntry } from '@keepsake/client/unpack-dag.ts'
import type { ContentPath } from '../cid-argument.ts'
import { CommandError, describeFileError, UsageError } from '../failure.ts'

/** Where to write: what was said, inside it when it is a directory, else the last name of the path, else the CID. */
export async function targetOf(
  { cid, path }: ContentPath,
  { output, car }: { output?: string | undefined; car?: boolean | undefined },
): Promise<string> {
  const name = `${path.at(-1) ?? cid.toString()}${car ? '.car' : ''}`
  if (output === undefined) return resolve(name)
  // An empty variable of a shell. It would be the directory we are in, which nobody wants to have replaced.
  if (output === '') throw new UsageError('-o: expected a path, or - for standard output.')
  const info = await stat(output).catch(() => undefined)
  return info?.isDirectory() || output.endsWith('/') ? join(resolve(output), basename(name)) : resolve(output)
}

export async function writeToStdout(entries: AsyncIterable<UnpackedEntry>): Promise<void> {
  for await (const entry of entries) {
    if (entry.kind !== 'file') throw new CommandError(`This is a ${entry.kind}; only a file can be written to standard output.`)
    await pour(entry.bytes)
  }
}

export async function pour(bytes: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const chunk of bytes) {
    await new Promise<void>((done, fail) =>
      process.stdout.write(chunk, (error) => (error ? fail(describeFileError(error, 'standard output')) : done())),
    )
  }
}
