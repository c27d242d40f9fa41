import type { SignedIn } from '@keepsake/api/account.ts'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { startSession } from '../session.ts'
import type { SignInComponents } from './components.ts'
import { nextPath } from './next-path.ts'
import { enterByIdentity } from './sign-up.ts'
import type { Identity } from './store.ts'

/** Signs somebody in who proved who he is elsewhere, and says where to go from here. */
export async function enter(
  components: Pick<SignInComponents, 'config' | 'database' | 'log'>,
  request: FastifyRequest,
  reply: FastifyReply,
  { identity, next }: { identity: Identity; next: unknown },
): Promise<SignedIn> {
  const { config, database, log } = components
  const { userId, isNew } = await database.kysely
    .transaction()
    .execute((kysely) => enterByIdentity({ config, database: { kysely } }, identity))
  await startSession(components, request, reply, { userId, way: identity.kind })
  log.info({ userId, way: identity.kind, isNew }, 'signed in')
  return { isNew, next: nextPath(next) }
}
