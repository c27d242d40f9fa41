import { idAddress } from '@keepsake/filecoin/address.ts'
import { buildAmt } from '@keepsake/filecoin/amt-build.ts'
import type { BlockHeader } from '@keepsake/filecoin/block-header.ts'
import { encodeBlockHeader } from '@keepsake/filecoin/block-header.ts'
import type { PutBlock } from '@keepsake/filecoin/blocks.ts'
import { encode, link } from '@keepsake/filecoin/cbor/writer.ts'
import {
  encodeMessage,
  encodeMessageMeta,
  encodeSignedMessage,
  listedCid,
  type SignedMessage,
} from '@keepsake/filecoin/message.ts'
import { encodeReceipt, type Receipt } from '@keepsake/filecoin/receipt.ts'
import type { Signature, Signer } from '@keepsake/filecoin/signature.ts'
import { bls12_381 } from '@noble/curves/bls12-381.js'
import type { CID } from 'multiformats/cid'

/** What one win counts for in the weight of a chain. */
const weightPerWin = 256n

/** The point at infinity: the sum of no signatures. */
const noSignatures = Uint8Array.from({ length: 96 }, (_, at) => (at === 0 ? 0xc0 : 0))

/** Messages of a block in the order in which they are executed: those of BLS keys first. */
export function inOrder(messages: readonly SignedMessage[]): SignedMessage[] {
  const isBls = ({ signature }: SignedMessage) => signature.kind === 'bls'
  return [...messages.filter(isBls), ...messages.filter((message) => !isBls(message))]
}

function saveCids(put: PutBlock, cids: readonly CID[]): CID {
  return buildAmt(
    put,
    cids.map((cid, index) => ({ index, value: encode(link(cid)) })),
  )
}

/** Writes the messages of a block. @returns what its header links to */
export function saveMessages(put: PutBlock, messages: readonly SignedMessage[]): CID {
  const lists = { bls: [] as CID[], secp: [] as CID[] }
  for (const signed of messages) {
    const isBls = signed.signature.kind === 'bls'
    put(isBls ? encodeMessage(signed.message) : encodeSignedMessage(signed))
    lists[isBls ? 'bls' : 'secp'].push(listedCid(signed))
  }
  const meta = { blsMessages: saveCids(put, lists.bls), secpMessages: saveCids(put, lists.secp) }
  return put(encodeMessageMeta(meta))
}

export function saveReceipts(put: PutBlock, receipts: readonly Receipt[]): CID {
  return buildAmt(
    put,
    receipts.map((receipt, index) => ({ index, value: encodeReceipt(receipt) })),
  )
}

/** One signature in place of all that BLS keys made over the messages of a block. */
export function aggregateOf(messages: readonly SignedMessage[]): Signature {
  const signatures = messages.filter(({ signature }) => signature.kind === 'bls').map(({ signature }) => signature.bytes)
  if (signatures.length === 0) return { kind: 'bls', bytes: noSignatures }
  const { longSignatures: scheme } = bls12_381
  return { kind: 'bls', bytes: scheme.aggregateSignatures(signatures).toBytes() }
}

/** Weight of the chain up to and with a block. */
export function weightOf({ parentWeight, electionProof }: BlockHeader): bigint {
  return parentWeight + weightPerWin * BigInt(electionProof?.winCount ?? 0)
}

/** What a block's maker signs. */
export function signingBytes(header: BlockHeader): Uint8Array {
  return encodeBlockHeader({ ...header, blockSignature: null })
}

export interface BlockParts {
  producer: { actorId: number; key: Signer }
  parent: { cid: CID; header: BlockHeader; state: CID; receipts: CID }
  height: number
  timestamp: number
  ticket: Uint8Array
  election: { winCount: number; vrfProof: Uint8Array }
  beacon: Uint8Array
  messages: CID
  aggregate: Signature
}

export function makeHeader(parts: BlockParts): BlockHeader {
  const { producer, parent, height } = parts
  const header: BlockHeader = {
    miner: idAddress(producer.actorId),
    ticket: parts.ticket,
    electionProof: parts.election,
    beaconEntries: [{ round: height, data: parts.beacon }],
    winPostProofs: [],
    parents: [parent.cid],
    parentWeight: weightOf(parent.header),
    height,
    parentStateRoot: parent.state,
    parentMessageReceipts: parent.receipts,
    messages: parts.messages,
    blsAggregate: parts.aggregate,
    timestamp: parts.timestamp,
    blockSignature: null,
    forkSignaling: 0,
    parentBaseFee: 0n,
  }
  return { ...header, blockSignature: producer.key.sign(signingBytes(header)) }
}
