import { amtEntries } from '@keepsake/filecoin/amt.ts'
import { requireBlock } from '@keepsake/filecoin/blocks.ts'
import { decodeAll } from '@keepsake/filecoin/cbor/reader.ts'
import {
  decodeMessage,
  decodeMessageMeta,
  decodeSignedMessage,
  type Message,
  type SignedMessage,
} from '@keepsake/filecoin/message.ts'
import { decodeReceipt } from '@keepsake/filecoin/receipt.ts'
import { bytesJson, cidJson, cid as cidOfJson, whole } from '@keepsake/filecoin/rpc/json.ts'
import type { CID } from 'multiformats/cid'
import { LotusError } from './errors.ts'
import { findReceipt } from './find-receipt.ts'
import { headerJson, messageJson, receiptJson, signedMessageJson, tipSetJson } from './lotus-json.ts'
import type { Methods } from './methods.ts'
import { blockOf, type NodeView, type TipSetView, tipSetAt, tipSetOf, viewOf } from './view.ts'

/** Blocks after which a tipset is not undone any more. */
const finalityEpochs = 900

interface Listed {
  bls: { cid: CID; message: Message }[]
  secp: { cid: CID; signed: SignedMessage }[]
}

async function cidsIn({ chain }: NodeView, root: CID): Promise<CID[]> {
  const entries = await Array.fromAsync(amtEntries(chain.get, root))
  return entries.map(({ value }) => decodeAll(value, (reader) => reader.readCid()))
}

async function messagesOf(view: NodeView, { header }: TipSetView): Promise<Listed> {
  const get = (cid: CID) => requireBlock(cid, view.chain.get(cid))
  const { blsMessages, secpMessages } = decodeMessageMeta(get(header.messages))
  const [bls, secp] = [await cidsIn(view, blsMessages), await cidsIn(view, secpMessages)]
  return {
    bls: bls.map((cid) => ({ cid, message: decodeMessage(get(cid)) })),
    secp: secp.map((cid) => ({ cid, signed: decodeSignedMessage(get(cid)) })),
  }
}

async function executedIn(view: NodeView, tipSet: TipSetView): Promise<{ cid: CID; message: Message }[]> {
  const { bls, secp } = await messagesOf(view, tipSet)
  return [...bls, ...secp.map(({ cid, signed }) => ({ cid, message: signed.message }))]
}

function namedBlock(view: NodeView, cid: unknown): TipSetView {
  return blockOf(view, cidOfJson(cid))
}

function show({ cid, header }: TipSetView): unknown {
  return tipSetJson(cid, header)
}

/** Methods that show the chain as it is. */
export function chainMethods(view: NodeView): Methods {
  return {
    ChainHead: async () => show(tipSetOf(view, null)),
    ChainGetGenesis: async () => show(viewOf(view, view.index.atOrAfter(0)!)),
    ChainGetTipSet: async ([key]) => show(tipSetOf(view, key)),
    ChainGetTipSetByHeight: async ([height, key]) => show(tipSetAt(view, whole(height), tipSetOf(view, key))),
    ChainGetTipSetAfterHeight: async ([height, key]) => {
      const from = tipSetOf(view, key)
      const row = view.index.atOrAfter(whole(height))
      if (!row || row.height > from.header.height) throw new LotusError('looking for tipset with height greater than start point')
      return show(viewOf(view, row))
    },
    ChainGetFinalizedTipSet: async () => {
      const head = tipSetOf(view, null)
      return show(tipSetAt(view, Math.max(0, head.header.height - finalityEpochs), head))
    },
    ChainGetBlock: async ([cid]) => headerJson(namedBlock(view, cid).header),
    ChainTipSetWeight: async ([key]) => {
      const { header } = tipSetOf(view, key)
      return String(header.parentWeight + 256n * BigInt(header.electionProof?.winCount ?? 0))
    },
    ChainGetBlockMessages: async ([cid]) => {
      const { bls, secp } = await messagesOf(view, namedBlock(view, cid))
      return {
        BlsMessages: bls.map(({ message }) => messageJson(message)),
        SecpkMessages: secp.map(({ cid: of, signed }) => signedMessageJson(signed, of)),
        Cids: [...bls, ...secp].map(({ cid: of }) => cidJson(of)),
      }
    },
    ChainGetMessage: async ([cid]) => {
      const wanted = cidOfJson(cid)
      const bytes = view.chain.get(wanted)
      if (!bytes) throw new LotusError(`getting message: ipld: could not find ${wanted}`)
      return messageJson(bytes[0] === 0x82 ? decodeSignedMessage(bytes).message : decodeMessage(bytes), wanted)
    },
    ChainGetMessagesInTipset: async ([key]) => {
      const messages = await executedIn(view, tipSetOf(view, key))
      return messages.map(({ cid, message }) => ({ Cid: cidJson(cid), Message: messageJson(message, cid) }))
    },
    ChainGetParentMessages: async ([cid]) => {
      const { header } = namedBlock(view, cid)
      if (header.height === 0) return []
      const messages = await executedIn(view, blockOf(view, header.parents[0]!))
      return messages.map(({ cid: of, message }) => ({ Cid: cidJson(of), Message: messageJson(message, of) }))
    },
    ChainGetParentReceipts: async ([cid]) => {
      const { header } = namedBlock(view, cid)
      if (header.height === 0) return null
      const entries = await Array.fromAsync(amtEntries(view.chain.get, header.parentMessageReceipts))
      return entries.map(({ value }) => receiptJson(decodeReceipt(value)))
    },
    ChainHasObj: async ([cid]) => view.chain.get(cidOfJson(cid)) !== undefined,
    ChainReadObj: async ([cid]) => {
      const wanted = cidOfJson(cid)
      const bytes = view.chain.get(wanted)
      if (!bytes) throw new LotusError(`blockstore get: ipld: could not find ${wanted}`)
      return bytesJson(bytes)
    },
    StateSearchMsg: async ([key, cid, lookback]) => {
      const message = cidOfJson(cid)
      const found = await findReceipt(view, message, tipSetOf(view, key), whole(lookback))
      if (!found) return null
      const { receipt, tipSet } = found
      return {
        Message: cidJson(message),
        Receipt: receiptJson(receipt),
        ReturnDec: null,
        TipSet: [cidJson(tipSet.cid)],
        Height: tipSet.header.height,
      }
    },
  }
}
