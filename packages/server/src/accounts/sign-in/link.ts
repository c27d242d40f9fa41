import { randomBytes } from 'node:crypto'
import type { Db } from '../../database/database.ts'
import { KeepsakeError } from '../../errors.ts'
import type { SignInComponents } from './components.ts'
import { openSealedId, sealId } from './sealed-id.ts'
import { enterByEmail } from './sign-up.ts'
import type { LinkRow } from './store.ts'
import { findLink, insertLink, setUserEmail, spendLink } from './store.ts'

export const linkMs = 15 * 60_000
const purpose = 'sign-in link'

type Components = Pick<SignInComponents, 'config' | 'database' | 'facts' | 'signInSecret'>

export interface LinkRequest {
  email: string
  next: string
  browser: Uint8Array
  /** The account the address is to be added to; null for signing in. */
  userId: number | null
}

/** The address that a mail leads to. What tells the token is in the fragment, which no server and no log along the way gets to see. */
export function linkUrl({ signInSecret }: Pick<Components, 'signInSecret'>, origin: string, id: Uint8Array): string {
  return `${origin}/sign-in/link#${sealId(signInSecret, purpose, id)}`
}

/**
 * Makes a link and has it sent. What is done here is the same whether the address has an account or not; the difference is made by the
 * job, later, where nobody waits for it.
 */
export async function requestLink(
  { database, facts }: Components,
  { email, next, browser, userId }: LinkRequest,
): Promise<Uint8Array> {
  const id = randomBytes(16)
  await database.kysely.transaction().execute(async (kysely) => {
    await insertLink({ kysely }, { id, email, next, browser, userId, expiresAt: new Date(Date.now() + linkMs) })
    await facts.record({ kysely }, 'sign-in-link:requested', { linkId: id.toString('hex') })
  })
  return id
}

/** A link nobody has opened yet; undefined once it is used, over, or gone. */
export async function findOpenLink(db: Db, id: Uint8Array): Promise<LinkRow | undefined> {
  const link = await findLink(db, id)
  return link && link.usedAt === null && link.expiresAt.getTime() > Date.now() ? link : undefined
}

export type OpenedLink =
  /** Opened in a browser that did not ask for it: whoever sits there has to say yes first. Nothing happened yet. */
  | { status: 'confirm'; email: string }
  | { status: 'signed-in'; userId: number; isNew: boolean; next: string }
  /** The address was added to the account that is signed in. */
  | { status: 'added'; email: string; next: string }

export interface LinkOpening {
  token: string
  browser: Uint8Array | undefined
  isConfirmed: boolean
  signedInAs: number | undefined
}

/**
 * Opens a link. It works once, for 15 minutes, and silently only in the browser that asked for it: otherwise somebody could lead others
 * into his own account without their noticing.
 *
 * @throws KeepsakeError `ERROR_LINK_INVALID`, `ERROR_LINK_EXPIRED`, `ERROR_LINK_USED`, `ERROR_SIGN_UP_CLOSED`, `ERROR_NOT_SIGNED_IN`
 */
export async function openLink(components: Components, opening: LinkOpening): Promise<OpenedLink> {
  const { config, database, signInSecret } = components
  const id = openSealedId(signInSecret, purpose, opening.token)
  if (!id) throw new KeepsakeError('ERROR_LINK_INVALID', 'This link is not one of ours; perhaps a part of it is missing.')
  const link = await findLink(database, id)
  if (link?.usedAt)
    throw new KeepsakeError('ERROR_LINK_USED', 'This link, or a newer one, was used already. Ask for another one.')
  if (!link || link.expiresAt.getTime() <= Date.now())
    throw new KeepsakeError('ERROR_LINK_EXPIRED', 'This link is too old: links work for 15 minutes. Ask for another one.')
  if (link.userId !== null && link.userId !== opening.signedInAs)
    throw new KeepsakeError('ERROR_NOT_SIGNED_IN', 'Open this link in the browser in which you asked for it, signed in.')
  const isSameBrowser = opening.browser !== undefined && Buffer.from(opening.browser).equals(link.browser)
  if (!isSameBrowser && !opening.isConfirmed) return { status: 'confirm', email: link.email }
  return await database.kysely.transaction().execute(async (kysely) => {
    const db = { kysely }
    if (!(await spendLink(db, link)))
      throw new KeepsakeError('ERROR_LINK_USED', 'This link was used already. Ask for another one.')
    if (link.userId === null)
      return { status: 'signed-in', next: link.next, ...(await enterByEmail({ config, database: db }, link.email)) }
    if (!(await setUserEmail(db, link.userId, link.email)))
      throw new KeepsakeError('ERROR_LINKED_ELSEWHERE', `${link.email} has another account already.`)
    return { status: 'added', email: link.email, next: link.next }
  })
}
