import { createHash, createHmac } from 'node:crypto'
import type { Config } from '../config.ts'
import type { Db } from '../database/database.ts'
import { KeepsakeError } from '../errors.ts'
import { createChallenge, takeChallenge } from './sign-in/challenges.ts'
import { nextPath } from './sign-in/next-path.ts'
import type { Identity } from './sign-in/store.ts'

/** GitHub is not waited for any longer. */
const answerTimeoutMs = 10_000

interface Components {
  config: Config
  database: Db
  signInSecret: Uint8Array
}

interface App {
  id: string
  secret: string
  authorizeUrl: string
  tokenUrl: string
  userUrl: string
}

/** Where GitHub sends browsers back to. */
export const githubCallback = '/sign-in/github/callback'
const redirectUri = (origin: string) => `${origin}/account${githubCallback}`

/** @throws KeepsakeError `ERROR_WAY_OFF` where no app is configured */
function appOf({ GITHUB_CLIENT_ID, GITHUB_CLIENT_SECRET, GITHUB_URL, GITHUB_API_URL }: Config): App {
  if (!GITHUB_CLIENT_ID || !GITHUB_CLIENT_SECRET)
    throw new KeepsakeError('ERROR_WAY_OFF', 'Signing in with GitHub is not set up on this server.')
  const base = GITHUB_URL!.replace(/\/+$/, '')
  return {
    id: GITHUB_CLIENT_ID,
    secret: GITHUB_CLIENT_SECRET,
    authorizeUrl: `${base}/login/oauth/authorize`,
    tokenUrl: `${base}/login/oauth/access_token`,
    userUrl: `${GITHUB_API_URL!.replace(/\/+$/, '')}/user`,
  }
}

/** The PKCE verifier of a state; made from it, so that it is kept nowhere. (RFC 7636.) */
function verifierOf(signInSecret: Uint8Array, state: string): string {
  return createHmac('sha256', signInSecret).update(`github ${state}`).digest('base64url')
}

interface Start {
  origin: string
  browser: Uint8Array
  /** The account GitHub is to be linked to; null for signing in. */
  userId: number | null
  next: unknown
}

/** The address at GitHub that the browser has to go to. No scope is asked for: who somebody is, is public. */
export async function startGithub(
  { config, database, signInSecret }: Components,
  { origin, browser, userId, next }: Start,
): Promise<string> {
  const app = appOf(config)
  const data = { next: nextPath(next), origin }
  const state = (await createChallenge(database, { kind: 'github', browser, userId }, data)).toString('base64url')
  const url = new URL(app.authorizeUrl)
  url.search = new URLSearchParams({
    client_id: app.id,
    redirect_uri: redirectUri(origin),
    state,
    code_challenge: createHash('sha256').update(verifierOf(signInSecret, state)).digest('base64url'),
    code_challenge_method: 'S256',
  }).toString()
  return url.href
}

export interface GithubReturn {
  state: string
  code: string
  origin: string
  browser: Uint8Array | undefined
  signedInAs: number | undefined
}

/**
 * Who came back from GitHub, and what for.
 *
 * @throws KeepsakeError `ERROR_CHALLENGE` for a state that this browser did not begin with, `ERROR_GITHUB` where GitHub does not say who it is
 */
export async function finishGithub(components: Components, { state, code, origin, browser, signedInAs }: GithubReturn) {
  const app = appOf(components.config)
  const { purpose, data } = await takeState(components.database, { state, browser, signedInAs })
  if (data.origin !== origin)
    throw new KeepsakeError('ERROR_CHALLENGE', 'This began at another address of the website. Begin again.')
  const token = await exchange(app, {
    code,
    redirect_uri: redirectUri(origin),
    code_verifier: verifierOf(components.signInSecret, state),
  })
  return { purpose, identity: await readUser(app, token), next: nextPath(data.next) }
}

async function takeState(database: Db, { state, browser, signedInAs }: Pick<GithubReturn, 'state' | 'browser' | 'signedInAs'>) {
  const challenge = Buffer.from(state, 'base64url')
  const take = (userId: number | null) => takeChallenge(database, challenge, { kind: 'github', browser, userId })
  if (signedInAs !== undefined) {
    const data = await take(signedInAs).catch(() => undefined)
    if (data) return { purpose: 'link' as const, data }
  }
  return { purpose: 'sign-in' as const, data: await take(null) }
}

/** A code for a token. GitHub answers 200 also when it refuses. */
async function exchange(app: App, fields: Record<string, string>): Promise<string> {
  const body = new URLSearchParams({ client_id: app.id, client_secret: app.secret, ...fields })
  const answer = await askGithub(app.tokenUrl, { method: 'POST', body })
  const { access_token: token, error } = answer
  if (typeof token !== 'string' || token === '') throw failed(new Error(`GitHub gave no token: ${String(error)}`))
  return token
}

async function readUser(app: App, token: string): Promise<Identity> {
  const { id, login } = await askGithub(app.userUrl, { headers: { authorization: `Bearer ${token}` } })
  if (typeof id !== 'number' || typeof login !== 'string') throw failed(new Error('GitHub did not say who it is.'))
  // A login can be given up and taken by somebody else; the number cannot.
  return { kind: 'github', subject: String(id), label: login.slice(0, 100) }
}

async function askGithub(url: string, init: RequestInit): Promise<Record<string, unknown>> {
  const headers = { accept: 'application/json', 'user-agent': 'Keepsake', ...init.headers }
  try {
    const response = await fetch(url, { ...init, headers, redirect: 'error', signal: AbortSignal.timeout(answerTimeoutMs) })
    if (!response.ok) throw new Error(`${url} answered ${response.status}`)
    return (await response.json()) as Record<string, unknown>
  } catch (error) {
    throw failed(error)
  }
}

function failed(cause: unknown): KeepsakeError {
  return new KeepsakeError('ERROR_GITHUB', 'GitHub did not confirm who you are; try again.', { cause })
}
