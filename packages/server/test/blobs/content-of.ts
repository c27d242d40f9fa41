import { createCipheriv, createHash } from 'node:crypto'

/** Bytes that follow from a name alone, so that whoever finds a blob can tell whether it is whole. */
export function contentOf(name: string, sizeBytes: number): Buffer {
  const key = createHash('sha256').update(name).digest()
  return createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(sizeBytes))
}

/** A size between 0 and ~600 kB that follows from the name: mostly small, as shards are. */
export function sizeOfName(name: string): number {
  const [kind = 0, a = 0, b = 0] = createHash('sha1').update(name).digest()
  return kind < 200 ? a * 16 : a * b * 9
}
