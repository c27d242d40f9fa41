import { createRequire } from 'node:module'
import type { Block } from '../src/block.ts'

/** What the published client makes of a file, a directory or a token. */
export interface Encoded {
  cid: { toString(): string }
  car: { blocks(): AsyncIterable<{ cid: { toString(): string }; bytes: Uint8Array }> }
}

/** The published client, whose CIDs ours have to be. It is written for older types, hence the narrow view of it. */
export const { NFTStorage, File, Blob } = createRequire(import.meta.url)('nft.storage') as {
  NFTStorage: {
    encodeBlob(blob: globalThis.Blob): Promise<Encoded>
    encodeDirectory(files: Iterable<globalThis.File>): Promise<Encoded>
    encodeNFT(input: Record<string, unknown>): Promise<Encoded & { token: { data: unknown; url: string } }>
  }
  File: typeof globalThis.File
  Blob: typeof globalThis.Blob
}

/** Sorted texts of the CIDs of all blocks. */
export async function blockCids(blocks: AsyncIterable<{ cid: { toString(): string } }>): Promise<string[]> {
  const cids: string[] = []
  for await (const { cid } of blocks) cids.push(String(cid))
  return [...new Set(cids)].sort()
}

/** Walks a packer to its end: the blocks it gave, and what it answered. */
export async function collect<T>(packer: AsyncGenerator<Block, T>): Promise<{ blocks: Block[]; result: T }> {
  const blocks: Block[] = []
  for (;;) {
    const next = await packer.next()
    if (next.done === true) return { blocks, result: next.value }
    blocks.push(next.value)
  }
}

/** A random number generator that gives the same numbers every time (mulberry32). */
export function seeded(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below)
  }
}

/** Bytes that do not repeat, made quickly. */
export function pattern(length: number, seed = 1): Uint8Array {
  const words = new Uint32Array(Math.ceil(length / 4))
  let state = seed
  for (let index = 0; index < words.length; index++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0
    words[index] = state
  }
  return new Uint8Array(words.buffer, 0, length)
}

/** Gives `bytes` in pieces of the lengths `next` says. */
export async function* inPieces(bytes: Uint8Array, next: () => number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; ) {
    const length = next()
    yield bytes.subarray(at, at + length)
    at += length
  }
}

/** Everything a walk gives. */
export async function listAll<T>(source: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of source) all.push(item)
  return all
}
