import { chainHead } from '@keepsake/filecoin/rpc/chain.ts'
import type { Rpc } from '@keepsake/filecoin/rpc/client.ts'
import { beaconEntry } from '@keepsake/filecoin/rpc/state.ts'
import type { Signer } from '@keepsake/filecoin/signature.ts'
import { signSpid } from '@keepsake/filecoin/spid.ts'

interface Options {
  rpc: Rpc
  actorId: number
  /** The provider's worker key. */
  worker: Signer
}

/**
 * Says who we are, as FIL-SPID-V0 wants it: the worker key signs the randomness of the newest epoch, which nobody could know before. A header is good
 * for a few epochs, so one that was made for the same epoch is used again.
 */
export function authorizer({ rpc, actorId, worker }: Options): (signal: AbortSignal) => Promise<string> {
  let last: { epoch: number; header: string } | undefined
  return async (signal) => {
    const { height: epoch } = await chainHead(rpc, { signal })
    if (last?.epoch === epoch) return last.header
    const beacon = await beaconEntry(rpc, epoch, { signal })
    last = { epoch, header: signSpid({ epoch, actorId, beacon, worker }) }
    return last.header
  }
}
