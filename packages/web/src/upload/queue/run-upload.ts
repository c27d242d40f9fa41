import type { Nft } from '@keepsake/api/nft.ts'
import { call } from '../../api/call.ts'
import { CallFailure } from '../../api/failure.ts'
import { pack } from '../pack/pack.ts'
import type { Packed, PackRequest } from '../pack/pack-request.ts'
import { UploadProblem } from '../problem.ts'
import { persist } from '../send/persist.ts'
import { sendParts } from '../send/send-parts.ts'
import type { Slots } from '../send/slots.ts'
import type { Remembered } from './remembered.ts'
import type { Upload } from './upload.ts'

export interface RunOptions {
  record: Remembered
  request: PackRequest
  /** From an earlier run on this page, which was paused. */
  packed: Packed | undefined
  signal: AbortSignal
  packing: Slots
  sending: Slots
  update: (change: Partial<Upload>) => void
  save: (record: Remembered) => Promise<void>
  onPacked: (packed: Packed) => void
}

/** Takes an upload from files to done. @throws UploadProblem, CallFailure; what `signal` was aborted with */
export async function runUpload(options: RunOptions): Promise<void> {
  const packed = options.packed ?? (await packChecked(options))
  const nft = await deliver(packed, options)
  options.update({ stage: 'done', nft, wait: undefined })
}

async function packChecked({ record, request, signal, packing, update, save, onPacked }: RunOptions): Promise<Packed> {
  const packed = await packing.hold(signal, async () => {
    update({ stage: 'packing', readBytes: 0 })
    return await pack(request, { signal, onProgress: (readBytes) => update({ readBytes }) })
  })
  if (record.cid !== undefined && record.cid !== packed.cid) {
    throw new UploadProblem(`These are not the files this upload began with: they make ${packed.cid}. Nothing of them was sent.`)
  }
  // Parts are counted, not compared: another version of this page may cut them differently, and then all are sent.
  if (record.partCount !== packed.parts.length) record.acknowledged = []
  record.cid = packed.cid
  record.partCount = packed.parts.length
  await save(record)
  onPacked(packed)
  return packed
}

async function deliver(packed: Packed, options: RunOptions): Promise<Nft> {
  const { record, signal, sending, update, save } = options
  const { cid, parts, tokenData } = packed
  const carBytes = parts.reduce((sum, { size }) => sum + size, 0)
  for (let round = 0; ; round++) {
    const acknowledged = new Set(record.acknowledged)
    const sentBytes = parts.reduce((sum, { size }, index) => sum + (acknowledged.has(index) ? size : 0), 0)
    update({
      stage: 'sending',
      cid,
      carBytes,
      sentBytes,
      tokenData,
      partCount: parts.length,
      acknowledgedCount: acknowledged.size,
    })
    await sendParts({
      cid,
      parts,
      name: record.name,
      acknowledged,
      places: sending,
      signal,
      onSent: (bytes) => update({ sentBytes: bytes }),
      onWait: (wait) => update({ wait }),
      onAcknowledged: async (index) => {
        record.acknowledged = [...record.acknowledged, index]
        update({ acknowledgedCount: record.acknowledged.length })
        await save(record)
      },
    })
    const nft = await findUpload(cid, options)
    if (nft) return nft
    // It was deleted meanwhile, or what remembered it remembers another server: then nothing of it is there.
    if (round > 0)
      throw new UploadProblem('The server took every part and does not know this upload. Somebody deleted it meanwhile.')
    record.acknowledged = []
    await save(record)
  }
}

async function findUpload(cid: string, { signal, update }: RunOptions): Promise<Nft | undefined> {
  try {
    return await persist(() => call<Nft>('GET', `/api/${cid}`, { signal }), { signal, onWait: (wait) => update({ wait }) })
  } catch (error) {
    if (error instanceof CallFailure && error.status === 404) return undefined
    throw error
  }
}
