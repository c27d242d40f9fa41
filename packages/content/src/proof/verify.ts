import { CID } from 'multiformats/cid'
import type { AbortOptions } from '../block.ts'
import { ContentError, isContentError } from '../errors.ts'
import { verifyBlock } from '../hash/verify.ts'
import { type HashPairs, hashFewPairs, sameNode } from '../piece/hash-pairs.ts'
import { type Piece, paddedBytes } from '../piece/piece.ts'
import { parsePieceCidText } from '../piece/piece-cid.ts'
import { checkAggregate } from './check-aggregate.ts'
import { MAX_PROVEN_BLOCKS, type ProofDocument, type ProofPlace } from './document.ts'
import { type RunsChecker, runsChecker } from './place-runs.ts'
import { counted, grouped, type ProofReport, reportOf, type Statement } from './report.ts'
import { walkOrder } from './walk-order.ts'

export interface VerifyOptions extends AbortOptions {
  /**
   * Fetches the bytes of a block from wherever: they are checked here. Blocks of the DAG are asked for once each, in the order of a walk.
   * Throws `BLOCK_NOT_FOUND`, or anything else, for what cannot be had: that part is then left out.
   */
  read(cid: CID, options?: AbortOptions): Promise<Uint8Array>
  /** For large contents a faster hasher than the one that runs everywhere. */
  hashPairs?: HashPairs | undefined
}

/**
 * Checks all that a document claims as far as bytes and hashes can show it, and says in words what was checked and what was not. Trusts nobody:
 * neither who made the document nor who delivers the blocks. Memory: one block, and some for each run.
 *
 * `document` has to come from `parseProof`. Throws only what `signal` does, and what is a mistake of the program.
 */
export async function verifyProof(
  document: ProofDocument,
  { read, hashPairs = hashFewPairs, signal }: VerifyOptions,
): Promise<ProofReport> {
  const readVerified = async (cid: CID): Promise<Uint8Array> => {
    signal?.throwIfAborted()
    const bytes = await read(cid, { signal })
    await verifyBlock(cid, bytes)
    return bytes
  }
  const statements: Statement[] = []
  const places = document.places.map((place, index) => ({ place, index, piece: pieceOf(place, index, statements) }))
  const checkers = places.map(({ place, piece }) => piece && runsChecker(hashPairs, piece, place.runs))
  const walked = await walkDag(
    document,
    readVerified,
    checkers.filter((checker) => checker !== undefined),
  )
  signal?.throwIfAborted()
  statements.unshift(walked.statement)
  const proven = new Set<number>()
  for (const { place, index, piece } of places) {
    if (!piece) continue
    statements.push({ ...runsStatement(document, place, checkers[index]!, walked.blocks, proven), place: index })
    for (const statement of await checkAggregate(document, place, piece, readVerified))
      statements.push({ ...statement, place: index })
    signal?.throwIfAborted()
  }
  statements.push(...partsStatement(document, proven), ...beyond(document))
  return reportOf(document, statements)
}

/** The piece of a place, where what the place says of it is consistent. */
function pieceOf(
  { piece: { cid, cidV1, paddedBytes: padded } }: ProofPlace,
  index: number,
  statements: Statement[],
): Piece | undefined {
  try {
    const second = parsePieceCidText(cid)
    const first = parsePieceCidText(cidV1)
    if (second.version !== 2 || first.version !== 1) throw new ContentError('INVALID_PROOF', 'the versions are not 2 and 1')
    if (!sameNode(second.piece.root, first.root)) throw new ContentError('INVALID_PROOF', 'they have different commitments')
    if (paddedBytes(second.piece.height) !== padded)
      throw new ContentError('INVALID_PROOF', `the piece is not of ${padded} bytes`)
    return second.piece
  } catch (error) {
    if (!isContentError(error)) throw error
    statements.push({
      check: 'piece',
      outcome: 'failed',
      place: index,
      text: `The piece CIDs ${cid} and ${cidV1} do not belong together: ${error.message}.`,
    })
    return undefined
  }
}

interface Walked {
  blocks: number
  statement: Statement
}

/** Reads the DAG as far as the document goes, and hands each block to the checkers. */
async function walkDag(
  { root, dag }: ProofDocument,
  read: (cid: CID) => Promise<Uint8Array>,
  checkers: readonly RunsChecker[],
): Promise<Walked> {
  const wanted = Math.min(dag.blocks, MAX_PROVEN_BLOCKS)
  let blocks = 0
  let bytesRead = 0
  const say = (outcome: Statement['outcome'], text: string): Walked => ({ blocks, statement: { check: 'blocks', outcome, text } })
  try {
    for await (const { cid, bytes } of walkOrder(CID.parse(root), read)) {
      if (blocks === wanted) {
        if (wanted < dag.blocks) break
        return say('failed', `The DAG of ${root} has more blocks than the ${dag.blocks} the proof says.`)
      }
      const whole = bytes ?? (await read(cid))
      for (const checker of checkers) checker.add(blocks, cid, whole)
      blocks++
      bytesRead += whole.length
    }
  } catch (error) {
    if (isContentError(error, 'HASH_MISMATCH')) return say('failed', `A block is not what its CID says: ${error.message}.`)
    return say('left', `Only ${counted(blocks, 'block')} of ${grouped(dag.blocks)} could be read: ${messageOf(error)}`)
  }
  if (blocks < wanted)
    return say('failed', `The DAG of ${root} has ${counted(blocks, 'block')}; the proof says ${grouped(dag.blocks)}.`)
  if (blocks < dag.blocks) {
    const first = `The first ${counted(blocks, 'block')} of ${grouped(dag.blocks)} were read, and each hashes to its CID.`
    return say('left', `${first} A proof speaks of no more than ${grouped(MAX_PROVEN_BLOCKS)}; the rest was left out.`)
  }
  if (bytesRead !== dag.bytes)
    return say('failed', `The blocks of ${root} have ${grouped(bytesRead)} bytes; the proof says ${grouped(dag.bytes)}.`)
  if (blocks === 0) return say('checked', `The CID ${root} carries its content itself; there is no block to be kept.`)
  const size = `${root} (${counted(bytesRead, 'byte')})`
  if (blocks === 1) return say('checked', `The only block of ${size} was read and hashes to what the CID says.`)
  return say('checked', `All ${counted(blocks, 'block')} of ${size} were read, and each hashes to what its CID says.`)
}

function runsStatement(
  { dag }: ProofDocument,
  place: ProofPlace,
  checker: RunsChecker,
  walkedBlocks: number,
  proven: Set<number>,
): Statement {
  const result = checker.end()
  const { cid, cidV1 } = place.piece
  // Where the blocks could not all be read, that a run does not come out says nothing.
  const unread = place.runs.some(({ blocks }) => blocks.at(-1)![1] > walkedBlocks)
  if (result.failure && !unread)
    return { check: 'piece', outcome: 'failed', text: `The bytes were not shown to lie in piece ${cid}: ${result.failure}` }
  for (const index of result.proven) proven.add(index)
  const shown = `${counted(result.proven.size, 'block')} of ${grouped(dag.blocks)}`
  const where = `in piece ${cid} (in deals: ${cidV1})`
  if (result.proven.size < dag.blocks && !place.part) {
    return { check: 'piece', outcome: 'left', text: `Only ${shown} were shown to lie ${where}.` }
  }
  if (place.part && result.proven.size === 0) {
    return {
      check: 'piece',
      outcome: 'left',
      text: `Part ${place.part.index + 1} of ${place.part.of} should lie ${where}; that was not shown.`,
    }
  }
  const offset = place.runs[0]?.offset
  const from = offset === undefined ? '' : `, from byte ${grouped(offset)} on`
  return {
    check: 'piece',
    outcome: 'checked',
    text: `Their bytes lie ${where}${from}: ${shown}. A Merkle proof leads from them to the commitment.`,
  }
}

/** Whether parts that lie in several pieces make up the whole. */
function partsStatement({ dag, places }: ProofDocument, proven: ReadonlySet<number>): Statement[] {
  if (places.length === 0) return [{ check: 'piece', outcome: 'left', text: 'The proof names no piece.' }]
  if (!places.some(({ part }) => part)) return []
  const outcome = proven.size === dag.blocks ? 'checked' : 'left'
  return [
    {
      check: 'piece',
      outcome,
      text: `Of a DAG that lies in several pieces, ${counted(proven.size, 'block')} of ${grouped(dag.blocks)} were shown.`,
    },
  ]
}

/** What nobody should take for shown. */
function beyond({ shard, places }: ProofDocument): Statement[] {
  const statements: Statement[] = []
  if (shard) {
    const text = `Not checked: that the root's block also lies in CAR ${shard.cid} from byte ${grouped(shard.offset)} on. Only who has all of that CAR can tell.`
    statements.push({ check: 'shard', outcome: 'beyond', text })
  }
  const deals = places.reduce((sum, place) => sum + place.deals.length, 0)
  const proving = places.reduce((sum, place) => sum + place.proving.length, 0)
  statements.push({
    check: 'deals',
    outcome: 'beyond',
    text:
      deals === 0
        ? 'Not shown: that a storage provider has the piece. The proof names no deal.'
        : `Not checked: ${counted(deals, 'deal')} that the proof names. Look on the chain whether they are about the piece CID above.`,
  })
  statements.push({
    check: 'proving',
    outcome: 'beyond',
    text:
      proving === 0
        ? 'Not shown: that anybody keeps proving to have it.'
        : 'Not checked: what the proof says of sectors being proven. Only the chain can tell.',
  })
  return statements
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
