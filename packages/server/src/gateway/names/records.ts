import type { AbortOptions } from '@keepsake/content/block.ts'
import { KeepsakeError } from '../../errors.ts'
import type { NameResolver } from '../../network/network.ts'
import type { DelegatedRouter } from '../../peer/delegated-routers.ts'

interface Components {
  /** Through the peer, which asks the DHT and the routers, and picks the newest valid record. */
  peer: NameResolver
  /** Asked directly while there is no peer. */
  routers: readonly Pick<DelegatedRouter, 'url' | 'findRecord'>[]
}

/** Where records of names come from: the peer; without one the routers, the first that has a record. */
export function nameRecords({ peer, routers }: Components): NameResolver {
  return {
    async resolveRecord(name, options) {
      try {
        return await peer.resolveRecord(name, options)
      } catch (error) {
        if (!(error instanceof KeepsakeError) || error.code !== 'ERROR_UNAVAILABLE') throw error
        return await askRouters(routers, name, error, options)
      }
    },
  }
}

async function askRouters(
  routers: Components['routers'],
  name: string,
  why: KeepsakeError,
  options: AbortOptions | undefined,
): Promise<Uint8Array | undefined> {
  const cannot = (cause: unknown) =>
    new KeepsakeError('ERROR_UNAVAILABLE', `${why.message} Names of keys cannot be resolved without it.`, { cause })
  if (routers.length === 0) throw cannot(why)
  const answers = await Promise.allSettled(routers.map((router) => router.findRecord(name, options)))
  options?.signal?.throwIfAborted()
  for (const answer of answers) if (answer.status === 'fulfilled' && answer.value) return answer.value
  const failed = answers.find((answer) => answer.status === 'rejected')
  if (failed) throw cannot(failed.reason)
  return undefined
}
