import type { BlockSource } from '@keepsake/content/block.ts'
import { decodeDagPb } from '@keepsake/content/dag/decode-block.ts'
import { MAX_DEPTH } from '@keepsake/content/dag/walk.ts'
import { ContentError } from '@keepsake/content/errors.ts'
import { prefixLengthOf } from '@keepsake/content/hamt/find.ts'
import { DAG_PB } from '@keepsake/content/hash/cid.ts'
import { checkName } from '@keepsake/content/unixfs/path.ts'
import type { UnixFsNode } from '@keepsake/content/unixfs/read/node.ts'
import { decodeUnixFs, isFile, linkedCids, sizeOfFile } from '@keepsake/content/unixfs/read/node.ts'
import type { CID } from 'multiformats/cid'

/** What a UnixFS DAG holds. Names on `path` are checked: none of them is `..`, none holds a `/`. The root's path is empty. */
export type UnpackedEntry =
  | { kind: 'directory'; path: readonly string[] }
  | {
      kind: 'file'
      path: readonly string[]
      sizeBytes: number
      /** To be read to its end before the next entry is asked for: both come out of one stream. */
      bytes: AsyncGenerator<Uint8Array, void>
    }
  | { kind: 'symlink'; path: readonly string[]; target: string }

interface Place {
  cid: CID
  path: readonly string[]
  depth: number
}

/**
 * Walks a UnixFS DAG strictly depth first, asking for each block when it is needed and in the order of the links: the order in which
 * gateways send a CAR. Nothing is asked for ahead, so nothing has to be kept.
 *
 * @throws ContentError `UNSUPPORTED_CODEC` for what is no UnixFS, `INVALID_BLOCK`, `INVALID_INPUT` for a name that is not one,
 *   `LIMIT_EXCEEDED`; what `blocks` throws
 */
export async function* unpackDag(blocks: BlockSource, cid: CID, bytes?: Uint8Array): AsyncGenerator<UnpackedEntry, void> {
  yield* unpackEntry(blocks, { cid, path: [], depth: 0 }, bytes)
}

async function* unpackEntry(blocks: BlockSource, place: Place, known?: Uint8Array): AsyncGenerator<UnpackedEntry, void> {
  const bytes = known ?? (await blocks.get(place.cid))
  const node = decodeUnixFs(place.cid, bytes)
  const { path } = place
  if (isFile(node)) {
    yield { kind: 'file', path, sizeBytes: sizeOfFile(node), bytes: fileBytes(blocks, place, bytes, node) }
  } else if (node.type === 'directory' || node.type === 'hamt-sharded-directory') {
    yield { kind: 'directory', path }
    yield* unpackDirectory(blocks, place, bytes, node)
  } else if (node.type === 'symlink') {
    yield { kind: 'symlink', path, target: new TextDecoder().decode(node.data) }
  } else throw new ContentError('INVALID_BLOCK', `Block ${place.cid} is neither a file nor a directory but "${node.type}".`)
}

function below(place: Place): number {
  if (place.depth >= MAX_DEPTH) throw new ContentError('LIMIT_EXCEEDED', `A DAG is more than ${MAX_DEPTH} levels deep.`)
  return place.depth + 1
}

async function* unpackDirectory(
  blocks: BlockSource,
  place: Place,
  bytes: Uint8Array,
  node: UnixFsNode,
): AsyncGenerator<UnpackedEntry, void> {
  const depth = below(place)
  const prefix = node.type === 'directory' ? 0 : prefixLengthOf(place.cid, node)
  for (const { cid, name } of namedLinks(place.cid, bytes)) {
    const isShard = prefix > 0 && name.length === prefix
    if (isShard) {
      const shard = await blocks.get(cid)
      const inner = decodeUnixFs(cid, shard)
      if (inner.type !== 'hamt-sharded-directory')
        throw new ContentError('INVALID_BLOCK', `Block ${cid} should be a part of a directory.`)
      yield* unpackDirectory(blocks, { cid, path: place.path, depth }, shard, inner)
      continue
    }
    const own = name.slice(prefix)
    checkName(own)
    yield* unpackEntry(blocks, { cid, path: [...place.path, own], depth })
  }
}

function namedLinks(cid: CID, bytes: Uint8Array): { cid: CID; name: string }[] {
  return decodeDagPb(cid, bytes).Links.map(({ Hash, Name = '' }) => ({ cid: Hash, name: Name }))
}

async function* fileBytes(
  blocks: BlockSource,
  place: Place,
  bytes: Uint8Array,
  node: UnixFsNode,
): AsyncGenerator<Uint8Array, void> {
  if (node.data.length > 0) yield node.data
  if (place.cid.code !== DAG_PB) return
  const links = linkedCids(bytes)
  if (links.length !== node.blockSizes.length) {
    throw new ContentError(
      'INVALID_BLOCK',
      `Block ${place.cid} has ${links.length} links and sizes for ${node.blockSizes.length}.`,
    )
  }
  const depth = below(place)
  for (const [index, cid] of links.entries()) {
    const part = await blocks.get(cid)
    const inner = decodeUnixFs(cid, part)
    if (!isFile(inner)) throw new ContentError('INVALID_BLOCK', `Block ${cid} should be part of a file and is a ${inner.type}.`)
    if (sizeOfFile(inner) !== node.blockSizes[index]) {
      throw new ContentError(
        'INVALID_BLOCK',
        `Block ${cid} holds ${sizeOfFile(inner)} bytes of a file, its parent says ${node.blockSizes[index]}.`,
      )
    }
    yield* fileBytes(blocks, { cid, path: place.path, depth }, part, inner)
  }
}
