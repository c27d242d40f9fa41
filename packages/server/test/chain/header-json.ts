import { formatAddress } from '@keepsake/filecoin/address.ts'
import type { BlockHeader } from '@keepsake/filecoin/block-header.ts'
import { bytesJson, cidJson } from '@keepsake/filecoin/rpc/json.ts'
import type { Signature } from '@keepsake/filecoin/signature.ts'

const kinds = { secp256k1: 1, bls: 2, delegated: 3 }

function signatureJson(signature: Signature | null) {
  return signature && { Type: kinds[signature.kind], Data: bytesJson(signature.bytes) }
}

/** A header as Lotus shows it. */
export function headerJson(header: BlockHeader) {
  return {
    Miner: formatAddress(header.miner),
    Ticket: header.ticket && { VRFProof: bytesJson(header.ticket) },
    ElectionProof: header.electionProof && {
      WinCount: header.electionProof.winCount,
      VRFProof: bytesJson(header.electionProof.vrfProof),
    },
    BeaconEntries: header.beaconEntries.map(({ round, data }) => ({ Round: round, Data: bytesJson(data) })),
    WinPoStProof: header.winPostProofs.map(({ type, bytes }) => ({ PoStProof: type, ProofBytes: bytesJson(bytes) })),
    Parents: header.parents.map(cidJson),
    ParentWeight: header.parentWeight.toString(),
    Height: header.height,
    ParentStateRoot: cidJson(header.parentStateRoot),
    ParentMessageReceipts: cidJson(header.parentMessageReceipts),
    Messages: cidJson(header.messages),
    BLSAggregate: signatureJson(header.blsAggregate),
    Timestamp: header.timestamp,
    BlockSig: signatureJson(header.blockSignature),
    ForkSignaling: header.forkSignaling,
    ParentBaseFee: header.parentBaseFee.toString(),
  }
}
