import { CID } from 'multiformats/cid'
import { ContentError } from '../../errors.ts'
import { DAG_PB, RAW } from '../../hash/cid.ts'
import { FieldReader } from './protobuf.ts'
import { dagPbData, type RawLink, scanLinks } from './scan.ts'

/** In the order of their numbers in the specification. */
const types = ['raw', 'directory', 'file', 'metadata', 'symlink', 'hamt-sharded-directory'] as const
export type UnixFsType = (typeof types)[number]

/** What UnixFS says about a block; links are read on demand. */
export interface UnixFsNode {
  type: UnixFsType
  /** Bytes of a file, target of a symlink, bit field of a shard: a view into the block. */
  data: Uint8Array
  /** Sizes of the parts of a file behind the links, in bytes, one for each link. */
  blockSizes: readonly number[]
  /** Slots of a shard. */
  fanout: number | undefined
  /** Hash function of a shard. */
  hashType: number | undefined
  mode: number | undefined
  /** Seconds since 1970. */
  mtime: number | undefined
}

const empty = new Uint8Array(0)
const rawNode = {
  type: 'raw',
  blockSizes: [],
  fanout: undefined,
  hashType: undefined,
  mode: undefined,
  mtime: undefined,
} as const

/** Does this codec hold UnixFS? */
export function isUnixFs(cid: CID): boolean {
  return cid.code === DAG_PB || cid.code === RAW
}

/** Reads the UnixFS part of a block (UnixFS specification, "Data"). Throws `INVALID_BLOCK`; `UNSUPPORTED_CODEC` for other codecs. */
export function decodeUnixFs(cid: CID, block: Uint8Array): UnixFsNode {
  if (cid.code === RAW) return { ...rawNode, data: block }
  if (cid.code !== DAG_PB) throw new ContentError('UNSUPPORTED_CODEC', `Block ${cid} is not UnixFS.`)
  const data = dagPbData(block)
  if (!data) throw new ContentError('INVALID_BLOCK', `Block ${cid} is dag-pb without UnixFS data.`)
  return decodeData(cid, data)
}

/** Field numbers of the message "Data", with their wire types. */
const TYPE = 1 << 3
const DATA = (2 << 3) | 2
const BLOCK_SIZES = 4 << 3
const PACKED_BLOCK_SIZES = (4 << 3) | 2
const HASH_TYPE = 5 << 3
const FANOUT = 6 << 3
const MODE = 7 << 3
const MTIME = (8 << 3) | 2

function decodeData(cid: CID, data: Uint8Array): UnixFsNode {
  const blockSizes: number[] = []
  const node: UnixFsNode = { ...rawNode, data: empty, blockSizes }
  let type: UnixFsType | undefined
  const reader = new FieldReader(data)
  while (!reader.done) {
    const key = reader.varint()
    if (key === TYPE) type = types[reader.varint()]
    else if (key === DATA) node.data = reader.bytes()
    else if (key === BLOCK_SIZES) blockSizes.push(reader.varint())
    else if (key === PACKED_BLOCK_SIZES)
      for (const packed = new FieldReader(reader.bytes()); !packed.done; ) blockSizes.push(packed.varint())
    else if (key === HASH_TYPE) node.hashType = reader.varint()
    else if (key === FANOUT) node.fanout = reader.varint()
    else if (key === MODE) node.mode = reader.varint()
    else if (key === MTIME) node.mtime = secondsOf(reader.bytes())
    else reader.skip(key)
  }
  if (type === undefined) throw new ContentError('INVALID_BLOCK', `The UnixFS data of block ${cid} has no type that is known.`)
  return { ...node, type }
}

/** Seconds of a "UnixTime"; times before 1970 are of no use to a reader and left out. */
function secondsOf(time: Uint8Array): number | undefined {
  let seconds: number | undefined
  for (const reader = new FieldReader(time); !reader.done; ) {
    const key = reader.varint()
    if (key === 1 << 3) seconds = reader.varint()
    else reader.skip(key)
  }
  return Number.isSafeInteger(seconds) ? seconds : undefined
}

/** Bytes of the whole file below a node: what it holds itself and what its links hold, by its own word. */
export function sizeOfFile(node: UnixFsNode): number {
  let sizeBytes = node.data.length
  for (const size of node.blockSizes) sizeBytes += size
  if (sizeBytes <= Number.MAX_SAFE_INTEGER) return sizeBytes
  throw new ContentError('LIMIT_EXCEEDED', `A file claims ${sizeBytes} bytes; ${Number.MAX_SAFE_INTEGER} is the limit.`)
}

export function isFile(node: UnixFsNode): boolean {
  return node.type === 'file' || node.type === 'raw'
}

export function isDirectory(node: UnixFsNode): boolean {
  return node.type === 'directory' || node.type === 'hamt-sharded-directory'
}

/** The CIDs behind the links of a dag-pb block, in order. */
export function linkedCids(block: Uint8Array): CID[] {
  const cids: CID[] = []
  scanLinks(block, (link) => cids.push(cidOfLink(link)))
  return cids
}

export function cidOfLink(link: RawLink): CID {
  try {
    return CID.decode(link.hash)
  } catch (cause) {
    throw new ContentError('INVALID_BLOCK', 'A dag-pb block has a link that is not a CID.', { cause })
  }
}
