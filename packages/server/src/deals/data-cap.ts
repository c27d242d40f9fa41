import { dataCapOf } from '@keepsake/filecoin/rpc/market.ts'
import type { Chain } from '../chain/chain.ts'
import type { Backing } from '../providers/backing.ts'
import { askNode } from '../providers/spid-keys.ts'
import type { DealRules } from './rules.ts'
import type { Wallet } from './wallet/wallet.ts'

interface Components {
  chain: Chain | undefined
  wallet: Pick<Wallet, 'defaultSigner'>
  rules: Pick<DealRules, 'isVerified'>
}

/** How long an answer of the node is good for, where nothing is signed on it. */
const rememberMs = 10_000

/** The DataCap of the key that signs proposals, as the chain has it. */
export function openDataCap({ chain, wallet, rules }: Components): Backing {
  let known: { until: number; bytes: Promise<bigint> } | undefined

  async function ask(on: Chain): Promise<bigint> {
    const { address } = await wallet.defaultSigner()
    return await askNode(async () => await dataCapOf(await on.rpc(), address))
  }

  return {
    async dataCapBytes() {
      if (!rules.isVerified || !chain) return undefined
      if (known && known.until > Date.now()) return await known.bytes
      const bytes = ask(chain)
      bytes.catch(() => {
        known = undefined
      })
      known = { until: Date.now() + rememberMs, bytes }
      return await bytes
    },
  }
}
