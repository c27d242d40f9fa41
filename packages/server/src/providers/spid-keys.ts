import { type Address, formatAddress, idAddress } from '@keepsake/filecoin/address.ts'
import { tipSetByHeight } from '@keepsake/filecoin/rpc/chain.ts'
import type { Rpc } from '@keepsake/filecoin/rpc/client.ts'
import { RpcError } from '@keepsake/filecoin/rpc/errors.ts'
import { accountKey, beaconEntry, minerInfo } from '@keepsake/filecoin/rpc/state.ts'
import { spidKeyLookback } from '@keepsake/filecoin/spid.ts'
import { KeepsakeError } from '../errors.ts'

/** What the chain knows that makes a provider's signature checkable. */
export interface SpidKeys {
  /** The randomness of an epoch. */
  beacon(epoch: number, signal?: AbortSignal): Promise<Uint8Array>
  /** The worker key of a provider, as it was `spidKeyLookback` epochs before; at the first epoch for a network younger than that. */
  workerKey(actorId: number, epoch: number, signal?: AbortSignal): Promise<Address>
}

/** Few epochs are in use at once. */
const maxBeacons = 16

/** Asks the node. What it does not answer is "cannot say", never "yes". */
export function openSpidKeys(rpc: () => Promise<Rpc>): SpidKeys {
  const beacons = new Map<number, Promise<Uint8Array>>()
  return {
    beacon(epoch, signal) {
      let found = beacons.get(epoch)
      if (!found) {
        found = askNode(async () => await beaconEntry(await rpc(), epoch, { signal }))
        found.catch(() => beacons.delete(epoch))
        beacons.set(epoch, found)
        for (const oldest of beacons.keys()) if (beacons.size > maxBeacons) beacons.delete(oldest)
      }
      return found
    },
    workerKey: (actorId, epoch, signal) =>
      askNode(async () => {
        const node = await rpc()
        const height = Math.max(0, epoch - spidKeyLookback)
        const { cids: tipSet } = await tipSetByHeight(node, height, undefined, { signal })
        const { worker } = await minerInfo(node, idAddress(actorId), { tipSet, signal }).catch((error: unknown) => {
          throw isNoActor(error) ? noProvider(actorId, height, error) : error
        })
        return worker.protocol === 0 ? await accountKey(node, worker, { tipSet, signal }) : worker
      }),
  }
}

function isNoActor(error: unknown): boolean {
  return error instanceof RpcError && error.code === 'REFUSED' && /not found|not exist|not a miner|no such/i.test(error.message)
}

function noProvider(actorId: number, height: number, cause: unknown): KeepsakeError {
  const name = formatAddress(idAddress(actorId))
  return new KeepsakeError('ERROR_INVALID_SPID', `There was no storage provider ${name} on the chain at epoch ${height}.`, {
    cause,
  })
}

/** @throws KeepsakeError `ERROR_UNAVAILABLE` where the node does not answer, or not with what was asked for */
export async function askNode<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask()
  } catch (error) {
    if (error instanceof RpcError)
      throw new KeepsakeError('ERROR_UNAVAILABLE', 'The Filecoin node of this server cannot be asked at the moment; try again.', {
        cause: error,
      })
    throw error
  }
}
