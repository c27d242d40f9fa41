import { readdir } from 'node:fs/promises'
import { join } from 'node:path'

/** Paths of all shards that lie in a data directory. */
export async function shardFiles(dataDir: string): Promise<string[]> {
  const names = await readdir(join(dataDir, 'blobs'), { recursive: true })
  return names.filter((name) => name.endsWith('.car')).map((name) => join(dataDir, 'blobs', name))
}
