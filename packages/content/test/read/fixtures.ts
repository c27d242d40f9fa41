import * as dagPb from '@ipld/dag-pb'
import type { BlockSource } from '@keepsake/content/block.ts'
import { ContentError } from '@keepsake/content/errors.ts'
import { UnixFS } from 'ipfs-unixfs'
import { type ImportCandidate, type ImporterOptions, importer } from 'ipfs-unixfs-importer'
import { fixedSize } from 'ipfs-unixfs-importer/chunker'
import { balanced } from 'ipfs-unixfs-importer/layout'
import { CID } from 'multiformats/cid'
import { sha256 } from 'multiformats/hashes/sha2'

export { balanced, fixedSize }

/** Blocks in memory, and a record of which were read, for tests that say how many blocks an answer may cost. */
export class MemoryBlocks implements BlockSource {
  readonly #bytes = new Map<string, Uint8Array>()
  readonly read: string[] = []

  #key(cid: CID): string {
    return Buffer.from(cid.multihash.bytes).toString('hex')
  }

  add(cid: CID, bytes: Uint8Array): CID {
    this.#bytes.set(this.#key(cid), bytes)
    return cid
  }

  remove(cid: CID): void {
    this.#bytes.delete(this.#key(cid))
  }

  async get(cid: CID, options?: { signal?: AbortSignal | undefined }): Promise<Uint8Array> {
    options?.signal?.throwIfAborted()
    const bytes = this.#bytes.get(this.#key(cid))
    if (!bytes) throw new ContentError('BLOCK_NOT_FOUND', `Block ${cid} is not here.`)
    this.read.push(cid.toString())
    return bytes
  }

  async *getMany(cids: readonly CID[], options?: { signal?: AbortSignal | undefined }) {
    for (const cid of cids) yield { cid, bytes: await this.get(cid, options) }
  }

  /** What the importer of the IPFS project writes to. */
  get importerStore() {
    return {
      put: async (cid: CID, bytes: Uint8Array) => this.add(cid, bytes),
      get: async function* (this: MemoryBlocks, cid: CID) {
        yield await this.get(cid)
      }.bind(this),
    }
  }
}

export interface Imported {
  root: CID
  /** CIDs by the path given. */
  byPath: Map<string, CID>
}

/** Imports with the IPFS project's own importer, which is independent of this package's packing. */
export async function importFiles(
  blocks: MemoryBlocks,
  files: ImportCandidate[],
  options: ImporterOptions = {},
): Promise<Imported> {
  const byPath = new Map<string, CID>()
  let root: CID | undefined
  const store = blocks.importerStore as unknown as Parameters<typeof importer>[1]
  for await (const entry of importer(files, store, { cidVersion: 1, rawLeaves: true, ...options })) {
    const cid = CID.parse(entry.cid.toString())
    byPath.set(entry.path ?? '', cid)
    root = cid
  }
  if (!root) throw new Error('Nothing was imported.')
  return { root, byPath }
}

/** Stores a UnixFS node made by hand: for what no importer would make. */
export async function putUnixFs(
  blocks: MemoryBlocks,
  init: ConstructorParameters<typeof UnixFS>[0],
  links: readonly { name?: string; cid: CID }[] = [],
): Promise<CID> {
  const Links = links.map(({ name = '', cid }) => ({ Name: name, Tsize: 1, Hash: cid }))
  const bytes = dagPb.encode({ Data: new UnixFS(init).marshal(), Links })
  return blocks.add(CID.createV1(dagPb.code, await sha256.digest(bytes)), bytes)
}

/** Bytes that look random and are the same in every run. */
export function sampleBytes(length: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(length)
  let state = seed * 2654435761
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    bytes[i] = state >>> 24
  }
  return bytes
}

export async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const all: Uint8Array[] = []
  for await (const chunk of chunks) all.push(chunk)
  return new Uint8Array(Buffer.concat(all))
}
