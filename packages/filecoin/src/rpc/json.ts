import { base64, base64pad } from 'multiformats/bases/base64'
import { CID } from 'multiformats/cid'
import { parseAddress } from '../address.ts'
import type { BlockHeader } from '../block-header.ts'
import type { Signature, SignatureKind } from '../signature.ts'

/** How Lotus writes a CID in JSON. */
export interface CidJson {
  '/': string
}

/** An object of JSON, of which nothing is known yet. */
export type JsonObject = Record<string, unknown>

function wrong(expected: string, value: unknown): TypeError {
  return new TypeError(`expected ${expected}, got ${JSON.stringify(value)?.slice(0, 100)}`)
}

export function object(value: unknown): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong('an object', value)
  return value as JsonObject
}

export function list(value: unknown): unknown[] {
  if (value === null || value === undefined) return []
  if (!Array.isArray(value)) throw wrong('a list', value)
  return value
}

export function string(value: unknown): string {
  if (typeof value !== 'string') throw wrong('a string', value)
  return value
}

export function whole(value: unknown): number {
  if (!Number.isSafeInteger(value)) throw wrong('a whole number', value)
  return value as number
}

/** Amounts are decimal strings. */
export function amount(value: unknown): bigint {
  if (!/^-?\d{1,60}$/.test(string(value))) throw wrong('an amount', value)
  return BigInt(value as string)
}

export function cid(value: unknown): CID {
  return CID.parse(string(object(value)['/']))
}

export function bytes(value: unknown): Uint8Array {
  if (value === null || value === undefined) return new Uint8Array()
  const text = string(value)
  return (text.endsWith('=') ? base64pad : base64).baseDecode(text)
}

export function cidJson(value: CID): CidJson {
  return { '/': value.toString() }
}

export function bytesJson(value: Uint8Array): string {
  return base64pad.baseEncode(value)
}

const signatureKinds: Record<number, SignatureKind> = { 1: 'secp256k1', 2: 'bls', 3: 'delegated' }

function signature(value: unknown): Signature | null {
  if (value === null || value === undefined) return null
  const json = object(value)
  const kind = signatureKinds[whole(json.Type)]
  if (!kind) throw wrong('a signature', value)
  return { kind, bytes: bytes(json.Data) }
}

function optional<T>(value: unknown, read: (value: unknown) => T): T | null {
  return value === null || value === undefined ? null : read(value)
}

/** A header as `ChainHead` and its like show it. @throws TypeError */
export function blockHeader(value: unknown): BlockHeader {
  const json = object(value)
  return {
    miner: parseAddress(string(json.Miner)),
    ticket: optional(json.Ticket, (ticket) => bytes(object(ticket).VRFProof)),
    electionProof: optional(json.ElectionProof, (proof) => {
      const { WinCount, VRFProof } = object(proof)
      return { winCount: whole(WinCount), vrfProof: bytes(VRFProof) }
    }),
    beaconEntries: list(json.BeaconEntries).map((entry) => {
      const { Round, Data } = object(entry)
      return { round: whole(Round), data: bytes(Data) }
    }),
    winPostProofs: list(json.WinPoStProof).map((proof) => {
      const { PoStProof, ProofBytes } = object(proof)
      return { type: whole(PoStProof), bytes: bytes(ProofBytes) }
    }),
    parents: list(json.Parents).map(cid),
    parentWeight: amount(json.ParentWeight),
    height: whole(json.Height),
    parentStateRoot: cid(json.ParentStateRoot),
    parentMessageReceipts: cid(json.ParentMessageReceipts),
    messages: cid(json.Messages),
    blsAggregate: signature(json.BLSAggregate),
    timestamp: whole(json.Timestamp),
    blockSignature: signature(json.BlockSig),
    forkSignaling: whole(json.ForkSignaling),
    parentBaseFee: amount(json.ParentBaseFee),
  }
}
