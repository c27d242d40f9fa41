import type { DealProposal } from '@keepsake/filecoin/actors/deal-proposal.ts'
import { type Address, formatAddress, parseAddress } from '@keepsake/filecoin/address.ts'
import { type Bitfield, numbersOf } from '@keepsake/filecoin/bitfield.ts'
import type { BlockHeader } from '@keepsake/filecoin/block-header.ts'
import { type Message, messageCid, type SignedMessage } from '@keepsake/filecoin/message.ts'
import type { Receipt } from '@keepsake/filecoin/receipt.ts'
import { amount, bytes, bytesJson, cidJson, object, string, whole } from '@keepsake/filecoin/rpc/json.ts'
import type { Signature, SignatureKind } from '@keepsake/filecoin/signature.ts'
import type { CID } from 'multiformats/cid'
import { LotusError } from './errors.ts'

/** How the nodes of this network spell addresses: as those of every network but mainnet. */
export function addressJson(address: Address): string {
  return formatAddress(address, 't')
}

const signatureTypes: Record<SignatureKind, number> = { secp256k1: 1, bls: 2, delegated: 3 }

function signatureJson({ kind, bytes: data }: Signature): unknown {
  return { Type: signatureTypes[kind], Data: bytesJson(data) }
}

export function headerJson(header: BlockHeader): unknown {
  const { ticket, electionProof, blsAggregate, blockSignature } = header
  return {
    Miner: addressJson(header.miner),
    Ticket: ticket && { VRFProof: bytesJson(ticket) },
    ElectionProof: electionProof && { WinCount: electionProof.winCount, VRFProof: bytesJson(electionProof.vrfProof) },
    BeaconEntries: header.beaconEntries.map(({ round, data }) => ({ Round: round, Data: bytesJson(data) })),
    WinPoStProof: header.winPostProofs.map((proof) => ({ PoStProof: proof.type, ProofBytes: bytesJson(proof.bytes) })),
    Parents: header.parents.map(cidJson),
    ParentWeight: String(header.parentWeight),
    Height: header.height,
    ParentStateRoot: cidJson(header.parentStateRoot),
    ParentMessageReceipts: cidJson(header.parentMessageReceipts),
    Messages: cidJson(header.messages),
    BLSAggregate: blsAggregate && signatureJson(blsAggregate),
    Timestamp: header.timestamp,
    BlockSig: blockSignature && signatureJson(blockSignature),
    ForkSignaling: header.forkSignaling,
    ParentBaseFee: String(header.parentBaseFee),
  }
}

export function tipSetJson(cid: CID, header: BlockHeader): unknown {
  return { Cids: [cidJson(cid)], Blocks: [headerJson(header)], Height: header.height }
}

/** With `CID`, as Lotus adds it. */
export function messageJson(message: Message, cid: CID = messageCid(message)): Record<string, unknown> {
  return {
    Version: message.version,
    To: addressJson(message.to),
    From: addressJson(message.from),
    Nonce: message.nonce,
    Value: String(message.value),
    GasLimit: message.gasLimit,
    GasFeeCap: String(message.gasFeeCap),
    GasPremium: String(message.gasPremium),
    Method: message.method,
    Params: message.params.length === 0 ? null : bytesJson(message.params),
    CID: cidJson(cid),
  }
}

export function signedMessageJson({ message, signature }: SignedMessage, cid: CID): unknown {
  return { Message: messageJson(message), Signature: signatureJson(signature), CID: cidJson(cid) }
}

export function receiptJson(receipt: Receipt): unknown {
  const { exitCode, gasUsed, eventsRoot } = receipt
  return {
    ExitCode: exitCode,
    Return: receipt.return.length === 0 ? null : bytesJson(receipt.return),
    GasUsed: gasUsed,
    EventsRoot: eventsRoot ? cidJson(eventsRoot) : null,
  }
}

/** Runs in turn, what is not in the set first. */
export function bitfieldJson(runs: Bitfield): number[] {
  const lengths: number[] = []
  let at = 0
  for (const { start, end } of runs) {
    lengths.push(start - at, end - start)
    at = end
  }
  return lengths.length === 0 ? [0] : lengths
}

export function countJson(runs: Bitfield): number {
  return [...numbersOf(runs)].length
}

/** @throws LotusError for a label that is no text, as Lotus does */
export function proposalJson(proposal: DealProposal): unknown {
  if (!proposal.label.isText) throw new LotusError('label is not a string and cannot be shown in JSON')
  return {
    PieceCID: cidJson(proposal.pieceCid),
    PieceSize: proposal.pieceSizeBytes,
    VerifiedDeal: proposal.verifiedDeal,
    Client: addressJson(proposal.client),
    Provider: addressJson(proposal.provider),
    Label: new TextDecoder().decode(proposal.label.bytes),
    StartEpoch: proposal.startEpoch,
    EndEpoch: proposal.endEpoch,
    StoragePricePerEpoch: String(proposal.storagePricePerEpoch),
    ProviderCollateral: String(proposal.providerCollateral),
    ClientCollateral: String(proposal.clientCollateral),
  }
}

const kindsOfTypes: Record<number, SignatureKind> = { 1: 'secp256k1', 2: 'bls', 3: 'delegated' }

/** @throws TypeError, ChainFormatError where it is none */
export function readMessageJson(value: unknown): Message {
  const json = object(value)
  return {
    version: whole(json.Version ?? 0),
    to: parseAddress(string(json.To)),
    from: parseAddress(string(json.From)),
    nonce: whole(json.Nonce ?? 0),
    value: amount(json.Value ?? '0'),
    gasLimit: whole(json.GasLimit ?? 0),
    gasFeeCap: amount(json.GasFeeCap ?? '0'),
    gasPremium: amount(json.GasPremium ?? '0'),
    method: whole(json.Method ?? 0),
    params: bytes(json.Params),
  }
}

export function readSignedMessageJson(value: unknown): SignedMessage {
  const json = object(value)
  const signature = object(json.Signature)
  const kind = kindsOfTypes[whole(signature.Type)]
  if (!kind) throw new TypeError(`no signature is of type ${JSON.stringify(signature.Type)}`)
  return { message: readMessageJson(json.Message), signature: { kind, bytes: bytes(signature.Data) } }
}
