import * as dagCbor from '@ipld/dag-cbor'
import type { CID } from 'multiformats/cid'
import { type AbortOptions, type Block, MAX_BLOCK_BYTES } from '../block.ts'
import { ContentError } from '../errors.ts'
import { cidOf, DAG_CBOR } from '../hash/cid.ts'
import { type PackedFile, packFile } from '../unixfs/file.ts'
import { setAtPath } from './set-at-path.ts'

/** A file of a token, packed already: alone in a directory of its own, so that links to it end in its name. */
export interface TokenFile {
  /** Where its link goes in the metadata: `['properties', 'src', '0']`. */
  path: readonly string[]
  /** Its name in `directory`. */
  fileName: string
  directory: CID
}

export interface PackedToken {
  /** The root: `/ipfs/<cid>/metadata.json` and `/ipfs/<cid>/image/<fileName>` lead on from here. */
  cid: CID
  /** What metadata.json says: the metadata with `ipfs://` links for the files. */
  data: Record<string, unknown>
  /** metadata.json itself. */
  metadata: PackedFile
  /** Bytes of the root block alone. */
  rootBytes: number
}

/**
 * Makes an NFT of its metadata (ERC-721, ERC-1155; no field is required) and files that are packed already. Gives the blocks of
 * metadata.json, then the root: dag-cbor with the metadata, links in place of files, `metadata.json` and `type: 'nft'`. The root is
 * the one the published client's `encodeNFT` makes of the same input.
 *
 * @throws {ContentError} `INVALID_INPUT` when `meta` is not a JSON object, cannot be written as dag-cbor, or a path does not lead
 * into it; `LIMIT_EXCEEDED` when the root would be too large for a block.
 */
export async function* packToken(
  meta: unknown,
  files: Iterable<TokenFile>,
  options: AbortOptions = {},
): AsyncGenerator<Block, PackedToken, undefined> {
  const all = [...files]
  const data = copyOf(meta)
  const dag = copyOf(meta)
  for (const { path, fileName, directory } of all) {
    setAtPath(data, path, new URL(`ipfs://${directory}/${fileName}`).href, all.length)
    setAtPath(dag, path, directory, all.length)
  }
  const text = new TextEncoder().encode(JSON.stringify(data))
  const metadata = yield* packFile(once(text), options)
  const bytes = encodeRoot({ ...dag, 'metadata.json': metadata.cid, type: 'nft' })
  const cid = await cidOf(DAG_CBOR, bytes)
  yield { cid, bytes }
  return { cid, data, metadata, rootBytes: bytes.length }
}

function copyOf(meta: unknown): Record<string, unknown> {
  if (typeof meta !== 'object' || meta === null || Array.isArray(meta)) {
    throw new ContentError('INVALID_INPUT', '`meta` is not a JSON object')
  }
  try {
    return JSON.parse(JSON.stringify(meta))
  } catch (cause) {
    throw new ContentError('INVALID_INPUT', '`meta` cannot be written as JSON', { cause })
  }
}

function encodeRoot(root: Record<string, unknown>): Uint8Array {
  let bytes: Uint8Array
  try {
    bytes = dagCbor.encode(root)
  } catch (cause) {
    throw new ContentError('INVALID_INPUT', '`meta` cannot be written as dag-cbor', { cause })
  }
  if (bytes.length <= MAX_BLOCK_BYTES) return bytes
  throw new ContentError(
    'LIMIT_EXCEEDED',
    `\`meta\` makes a block of ${bytes.length} bytes, more than the limit of ${MAX_BLOCK_BYTES}`,
  )
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}
