import { findInAmt } from '@keepsake/filecoin/amt.ts'
import { decodeReceipt, type Receipt } from '@keepsake/filecoin/receipt.ts'
import type { CID } from 'multiformats/cid'
import { type NodeView, type TipSetView, viewOf } from './view.ts'

/** Where the receipt of a message is: in the tipset after the one it is in. */
export interface FoundReceipt {
  receipt: Receipt
  tipSet: TipSetView
}

export async function findReceipt(
  view: NodeView,
  message: CID,
  from: TipSetView,
  lookback: number,
): Promise<FoundReceipt | undefined> {
  const place = view.index.findMessage(message)
  const row = place && view.index.atOrAfter(place.height + 1)
  if (!row || row.height > from.header.height) return undefined
  if (lookback >= 0 && from.header.height - place.height > lookback) return undefined
  const tipSet = viewOf(view, row)
  const bytes = await findInAmt(view.chain.get, tipSet.header.parentMessageReceipts, place.place)
  return bytes && { receipt: decodeReceipt(bytes), tipSet }
}
