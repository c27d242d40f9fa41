import { randomBytes } from 'node:crypto'
import type { Db } from '../../database/database.ts'
import { KeepsakeError } from '../../errors.ts'
import { sha256 } from '../session-cookie.ts'

export type ChallengeKind = 'passkey-registration' | 'passkey' | 'wallet' | 'github'

interface ChallengeOwner {
  kind: ChallengeKind
  /** The browser it was made for; nobody else can answer it. */
  browser: Uint8Array | undefined
  /** The account something is to be linked to; null for signing in. */
  userId: number | null
}

export const challengeMs = 10 * 60_000

/** A new challenge: 256 random bits, of which only the hash is kept, with what has to be known when it is answered. */
export async function createChallenge(
  { kysely }: Db,
  { kind, browser, userId }: ChallengeOwner & { browser: Uint8Array },
  data: Record<string, unknown> = {},
): Promise<Buffer> {
  const challenge = randomBytes(32)
  await kysely
    .insertInto('challenge')
    .values({
      digest: sha256(challenge),
      kind,
      browser_digest: browser,
      user_id: userId,
      data: JSON.stringify(data),
      expires_at: new Date(Date.now() + challengeMs),
    })
    .execute()
  return challenge
}

/**
 * Takes a challenge that was answered. It is gone after this, whether the answer turns out to be right or not.
 *
 * @throws KeepsakeError `ERROR_CHALLENGE` for one that is unknown, used, expired, or was made for another browser, account or purpose
 */
export async function takeChallenge(
  { kysely }: Db,
  challenge: Uint8Array,
  owner: ChallengeOwner,
): Promise<Record<string, unknown>> {
  const row = await kysely
    .deleteFrom('challenge')
    .where('digest', '=', sha256(challenge))
    .where('kind', '=', owner.kind)
    .where('browser_digest', '=', owner.browser ?? new Uint8Array())
    .where('user_id', owner.userId === null ? 'is' : '=', owner.userId)
    .where('expires_at', '>', new Date())
    .returning('data')
    .executeTakeFirst()
  if (row) return row.data
  throw new KeepsakeError(
    'ERROR_CHALLENGE',
    'This was answered already, took too long, or began in another browser. Begin again.',
  )
}
