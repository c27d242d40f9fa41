import { randomUUID } from 'node:crypto'
import type { Config } from '../../config.ts'
import type { Db } from '../../database/database.ts'
import { KeepsakeError } from '../../errors.ts'
import { isLocalOnly } from '../session-site.ts'
import { findUserByEmail, insertUser } from '../store.ts'
import type { Identity } from './store.ts'
import { deleteInvitation, findInvitation, insertIdentity, useIdentity } from './store.ts'

export type SignUp = 'open' | 'invited' | 'closed'

/** Who may make an account here. */
export function signUpRule(config: Config): SignUp {
  if (config.SIGN_UP !== 'auto') return config.SIGN_UP
  return isLocalOnly(config) ? 'open' : 'invited'
}

interface Components {
  config: Config
  database: Db
}

function signUpClosed(what: string): KeepsakeError {
  return new KeepsakeError(
    'ERROR_SIGN_UP_CLOSED',
    `${what} has no account here, and new accounts are made by invitation only. Ask whoever runs this server.`,
  )
}

async function mayJoin({ config, database }: Components, email: string): Promise<boolean> {
  const rule = signUpRule(config)
  if (rule === 'open') return true
  return rule === 'invited' && (await findInvitation(database, email)) !== undefined
}

/** Whether a link that is sent to this address would sign anybody in. */
export async function isWelcome(components: Components, email: string): Promise<boolean> {
  return (await findUserByEmail(components.database, email)) !== undefined || (await mayJoin(components, email))
}

/**
 * The account of an address that was proven, made where there is none. To be called in a transaction.
 *
 * @throws KeepsakeError `ERROR_SIGN_UP_CLOSED`
 */
export async function enterByEmail(components: Components, email: string): Promise<{ userId: number; isNew: boolean }> {
  const { database } = components
  const known = await findUserByEmail(database, email)
  if (known) return { userId: known.userId, isNew: false }
  if (!(await mayJoin(components, email))) throw signUpClosed(email)
  const made = await insertUser(database, { subject: `keepsake:${randomUUID()}`, email, name: null })
  const invitation = await findInvitation(database, email)
  if (invitation) await deleteInvitation(database, invitation.id)
  const user = made ?? (await findUserByEmail(database, email))
  if (!user) throw new Error('An account vanished while it was made.')
  return { userId: user.userId, isNew: made !== undefined }
}

/**
 * The account of somebody who proved who they are elsewhere, made where anybody may make one. To be called in a transaction.
 *
 * @throws KeepsakeError `ERROR_SIGN_UP_CLOSED`
 */
export async function enterByIdentity(
  { config, database }: Components,
  identity: Identity,
): Promise<{ userId: number; isNew: boolean }> {
  const known = await useIdentity(database, identity)
  if (known !== undefined) return { userId: known, isNew: false }
  // An invitation is for an address, which this does not prove.
  if (signUpRule(config) !== 'open') throw signUpClosed(identity.label)
  const user = await insertUser(database, { subject: `keepsake:${randomUUID()}`, email: null, name: identity.label })
  if (!user) throw new Error('A random subject was taken.')
  if (!(await insertIdentity(database, user.userId, identity)))
    throw new KeepsakeError('CONFLICT', 'An account was made for this just now; sign in again.')
  return { userId: user.userId, isNew: true }
}

/** Adds a way in to an account. @throws KeepsakeError `ERROR_LINKED_ELSEWHERE` where it leads to another one */
export async function linkIdentity({ database }: Components, userId: number, identity: Identity): Promise<void> {
  if (await insertIdentity(database, userId, identity)) return
  if ((await useIdentity(database, identity)) === userId) return
  throw new KeepsakeError('ERROR_LINKED_ELSEWHERE', `${identity.label} is a way into another account already.`)
}
