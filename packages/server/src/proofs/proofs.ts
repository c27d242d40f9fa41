import { encodeCarHeader } from '@keepsake/content/car/encode.ts'
import { isContentError } from '@keepsake/content/errors.ts'
import { commPHasher } from '@keepsake/content/piece/commp.ts'
import { QUAD_BYTES, QUAD_DATA_BYTES } from '@keepsake/content/piece/fr32.ts'
import type { Piece } from '@keepsake/content/piece/piece.ts'
import { heightFor, paddedBytes } from '@keepsake/content/piece/piece.ts'
import type { Prover } from '@keepsake/content/piece/prove.ts'
import { prover } from '@keepsake/content/piece/prove.ts'
import type { PieceTree } from '@keepsake/content/piece/tree.ts'
import type { ProofDocument, ShardPlace } from '@keepsake/content/proof/document.ts'
import type { PlaceToProve } from '@keepsake/content/proof/make-proof.ts'
import { makeProof } from '@keepsake/content/proof/make-proof.ts'
import { CID } from 'multiformats/cid'
import { identity } from 'multiformats/hashes/identity'
import { maxPrefixBytes, prefixLength } from '../aggregates/section-start.ts'
import type { BlobStore } from '../blobs/blobs.ts'
import type { Blocks } from '../blocks/blocks.ts'
import { locationFinder } from '../blocks/location-finder.ts'
import type { Config } from '../config.ts'
import type { Db } from '../database/database.ts'
import { listDealsOfAggregates } from '../deals/list-shown.ts'
import { KeepsakeError } from '../errors.ts'
import { aggregateReads } from './aggregate-reads.ts'
import { keptTrees } from './kept-trees.ts'
import type { PlaceRow } from './store.ts'
import { findStanding, listPlaces } from './store.ts'

export interface ProofComponents {
  config: Pick<Config, 'AGGREGATE_PROFILE' | 'FILECOIN_RPC'>
  database: Db
  blobs: BlobStore
  blocks: Blocks
}

/** Makes proofs of where contents lie in validated aggregates. */
export interface Proofs {
  /**
   * Reads some hundred kilobytes, however large content and aggregate are.
   *
   * @throws KeepsakeError `NOT_FOUND` saying why there is none yet
   */
  make(root: CID): Promise<ProofDocument>
}

export function openProofs({ config, database, blobs, blocks }: ProofComponents): Proofs {
  const trees = keptTrees(database)
  const finder = locationFinder(database)

  const placeOf = async (root: CID, row: PlaceRow): Promise<PlaceToProve> => {
    const tree = await trees.open(row)
    const { read, locate } = aggregateReads({ database, blobs }, { id: row.aggregateId, sizeBytes: row.sizeBytes })
    const piece: Piece = { root: row.pieceRoot, height: row.pieceHeight, payloadBytes: row.sizeBytes }
    return {
      piece,
      prover: prover(tree, read, trees.hashPairs) satisfies Prover,
      read,
      start: startOf(root, row),
      locate: async (cids) => await locate(cids, await finder.findMany(cids)),
      aggregate: await aggregateOf(row, tree, read),
      part: row.parts > 1 ? { index: row.part, of: row.parts } : undefined,
      ...(config.FILECOIN_RPC === 'off' ? {} : await dealsOf(database, row.aggregateId)),
    }
  }
  const aggregateOf = async (row: PlaceRow, tree: PieceTree, read: PlaceToProve['read']): Promise<PlaceToProve['aggregate']> => {
    if (row.root && row.links) return { layout: 'unixfs-2021', root: CID.decode(row.root), links: row.links }
    const { byteOffset, byteLength, position } = row
    if (byteOffset === null || byteLength === null) throw new Error(`Segment without a place in aggregate ${row.aggregateId}.`)
    const height = heightFor(byteLength)
    const paddedOffset = (byteOffset / QUAD_DATA_BYTES) * QUAD_BYTES
    const root =
      height >= tree.lowest
        ? tree.node(height, paddedOffset / paddedBytes(height))
        : await rootOf(await read(byteOffset, byteLength))
    return { layout: 'segments', segment: { root, height, payloadBytes: byteLength }, paddedOffset, position }
  }
  /** Of a segment that is smaller than what one node of the kept level covers. */
  const rootOf = async (bytes: Uint8Array): Promise<Uint8Array> => {
    const hasher = commPHasher(trees.hashPairs)
    hasher.write(bytes)
    return hasher.digest().root
  }
  const shardOf = async (root: CID): Promise<ShardPlace | null> => {
    const [place] = await finder.find(root)
    if (!place) return null
    const before = Math.min(place.offset, maxPrefixBytes(root))
    const bytes = await blobs.read(place.shard, place.offset - before, before)
    const prefix = prefixLength(bytes, before, root, place.length)
    return prefix === undefined ? null : { cid: place.shard, offset: place.offset - prefix, length: prefix + place.length }
  }
  return {
    async make(root) {
      const cid = root.toV1()
      const rows = await listPlaces(database, cid.bytes)
      const [first] = rows
      if (!first) throw await noProof({ config, database, blocks }, cid)
      try {
        const places: PlaceToProve[] = []
        for (const row of rows) places.push(await placeOf(cid, row))
        return await makeProof({
          root: cid,
          dag: { blocks: first.dagBlocks, bytes: first.dagBytes },
          shard: await shardOf(cid),
          places,
          readNode: (node) => blocks.get(node),
        })
      } catch (error) {
        throw isContentError(error) ? damaged(cid, error) : error
      }
    },
  }
}

/** What the chain was last seen to say of the deals about an aggregate's piece. Whoever checks the proof asks the chain. */
async function dealsOf(database: Db, aggregateId: number): Promise<Pick<PlaceToProve, 'deals' | 'proving'>> {
  const onChain = (await listDealsOfAggregates(database, [aggregateId])).filter(
    ({ state, chainDealId }) => chainDealId !== null && (state === 'published' || state === 'active'),
  )
  return {
    deals: onChain.map(({ chain, actorId, chainDealId }) => ({
      network: chain.network,
      dealId: chainDealId as number,
      provider: `f0${actorId}`,
    })),
    proving: onChain.flatMap(({ chain: { network, lookedAtEpoch }, actorId, proving, sector }) =>
      proving === 'proving' && sector !== null && lookedAtEpoch !== null
        ? [{ network, provider: `f0${actorId}`, sector, epoch: lookedAtEpoch }]
        : [],
    ),
  }
}

function damaged(cid: CID, cause: Error): KeepsakeError {
  const message = `No proof of ${cid} can be made at the moment: bytes of the aggregate it is in are damaged or gone.`
  return new KeepsakeError('ERROR_CONTENT_DAMAGED', message, { cause })
}

/** Where the first section of a content begins: for a segment behind the header of its CAR. */
function startOf(root: CID, { layout, byteOffset }: PlaceRow): number | undefined {
  if (byteOffset === null) return undefined
  return layout === 'segments' ? byteOffset + encodeCarHeader([root]).length : byteOffset
}

const states: Record<string, string> = {
  collecting: 'it is in an aggregate that waits for more',
  building: 'the aggregate it is in is being built',
  validating: 'the aggregate it is in is being checked',
  failed: 'the aggregate it is in could not be built yet and will be tried again',
}

async function noProof(
  { config, database, blocks }: Pick<ProofComponents, 'config' | 'database' | 'blocks'>,
  cid: CID,
): Promise<KeepsakeError> {
  const standing = await findStanding(database, cid.bytes)
  const say = (reason: string) => new KeepsakeError('NOT_FOUND', `There is no proof of ${cid} yet: ${reason}.`)
  if (!standing) return new KeepsakeError('NOT_FOUND', await whyNotStored(blocks, cid))
  if (!standing.completeAt) return say('not all of its blocks are here')
  if (standing.aggregateState) return say(states[standing.aggregateState] ?? 'it is being packed')
  if (standing.obstacle) return say(`it could not be packed: ${standing.obstacle.replace(/\.$/, '')}`)
  if (config.AGGREGATE_PROFILE === 'off') return say('this server does not pack contents for Filecoin')
  if (standing.packing === 'aside') return say('nobody keeps it here any more')
  return say('it waits to be packed with others')
}

/** Of a CID that nobody stored: a proof is about what somebody did. */
async function whyNotStored(blocks: Blocks, cid: CID): Promise<string> {
  if (cid.multihash.code === identity.code) return `${cid} holds its bytes itself, so there is nothing to prove.`
  const [isHere] = await blocks.has([cid])
  return isHere
    ? `${cid} is stored here as a part of something else only. Ask for the proof of what was uploaded: that shows where this part lies, too.`
    : `${cid} is not stored here.`
}
