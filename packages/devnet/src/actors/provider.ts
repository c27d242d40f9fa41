import type { ChainState } from '../state/state.ts'
import { exit, require } from './exit.ts'

/**
 * A provider for which `caller` may speak: its owner, worker or one of its other addresses.
 *
 * @throws ActorExit `notFound`, `forbidden`
 */
export function requireProvider({ miners }: ChainState, caller: number, provider: number | undefined): number {
  const miner = provider === undefined ? undefined : miners.get(provider)
  require(provider !== undefined && miner !== undefined, exit.notFound, 'There is no such provider.')
  const { owner, worker, controls } = miner.info
  require([owner, worker, ...controls].includes(caller), exit.forbidden, `f0${caller} does not speak for provider f0${provider}.`)
  return provider
}
