import { idAddress } from '@keepsake/filecoin/address.ts'
import { tipSetByHeight } from '@keepsake/filecoin/rpc/chain.ts'
import type { Rpc } from '@keepsake/filecoin/rpc/client.ts'
import { isEligibleForMining, minerInfo } from '@keepsake/filecoin/rpc/state.ts'
import { askNode } from './spid-keys.ts'

/** What the chain says of a provider at the moment. */
export interface ChainStanding {
  sectorSizeBytes: number
  /** Undefined where nobody has to be. */
  mayMine: boolean | undefined
}

export interface Standings {
  /** @throws KeepsakeError `ERROR_UNAVAILABLE` where the node does not say */
  of(actorId: number, epoch: number, signal?: AbortSignal): Promise<ChainStanding>
}

/** How long an answer of the node is good for: whoever polls costs it little. */
const rememberMs = 10_000
const maxRemembered = 1000
/** So many epochs back, where the chain no longer changes its mind often. */
const lookback = 10

export function openStandings({ rpc, mustMine }: { rpc(): Promise<Rpc>; mustMine(): Promise<boolean> }): Standings {
  const known = new Map<number, { until: number; standing: Promise<ChainStanding> }>()

  async function ask(actorId: number, epoch: number, signal?: AbortSignal): Promise<ChainStanding> {
    const node = await rpc()
    const provider = idAddress(actorId)
    const { cids: tipSet, height } = await tipSetByHeight(node, Math.max(0, epoch - lookback), undefined, { signal })
    const [{ sectorSizeBytes }, mayMine] = await Promise.all([
      minerInfo(node, provider, { signal }),
      (await mustMine()) ? isEligibleForMining(node, provider, height + 1, { tipSet, signal }) : undefined,
    ])
    return { sectorSizeBytes, mayMine }
  }

  return {
    of(actorId, epoch, signal) {
      const remembered = known.get(actorId)
      if (remembered && remembered.until > Date.now()) return remembered.standing
      const standing = askNode(() => ask(actorId, epoch, signal))
      standing.catch(() => known.delete(actorId))
      known.delete(actorId)
      known.set(actorId, { until: Date.now() + rememberMs, standing })
      for (const oldest of known.keys()) if (known.size > maxRemembered) known.delete(oldest)
      return standing
    },
  }
}
