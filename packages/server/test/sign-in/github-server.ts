import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A server on loopback that keeps GitHub's OAuth protocol for one app, with PKCE, as docs.github.com describes it. */
export interface GithubServer extends AsyncDisposable {
  url: string
  /** What a browser that is signed in there as `user` is redirected to when it confirms. */
  confirm(authorizeUrl: string, user: { id: number; login: string }): Promise<string>
  /** Breaks what it answers. */
  mischief: { user?: string; token?: string; status?: number }
}

interface Grant {
  redirectUri: string
  challenge: string
  user: { id: number; login: string }
}

export async function startGithub(app: { id: string; secret: string }): Promise<GithubServer> {
  const codes = new Map<string, Grant>()
  const tokens = new Map<string, Grant['user']>()
  const mischief: GithubServer['mischief'] = {}

  async function exchange(request: IncomingMessage): Promise<object> {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const form = new URLSearchParams(Buffer.concat(chunks).toString())
    if (form.get('client_id') !== app.id || form.get('client_secret') !== app.secret)
      return { error: 'incorrect_client_credentials' }
    const grant = codes.get(form.get('code') ?? '')
    codes.delete(form.get('code') ?? '')
    const verifier = createHash('sha256')
      .update(form.get('code_verifier') ?? '')
      .digest('base64url')
    if (!grant || verifier !== grant.challenge) return { error: 'bad_verification_code' }
    if (form.get('redirect_uri') !== grant.redirectUri) return { error: 'redirect_uri_mismatch' }
    const token = `gho_${randomBytes(18).toString('hex')}`
    tokens.set(token, grant.user)
    return { access_token: token, scope: '', token_type: 'bearer' }
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const json = (status: number, body: string) => response.writeHead(status, { 'content-type': 'application/json' }).end(body)
    if (mischief.status) return void json(mischief.status, '{}')
    if (request.method === 'POST' && request.url === '/login/oauth/access_token')
      return void json(200, mischief.token ?? JSON.stringify(await exchange(request)))
    const user = tokens.get(/^Bearer (\S+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '')
    if (request.url === '/user' && user && request.headers['user-agent'])
      return void json(200, mischief.user ?? JSON.stringify(user))
    json(401, '{"message":"Bad credentials"}')
  }

  const server = createServer((request, response) => void answer(request, response))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    mischief,
    async confirm(authorizeUrl, user) {
      const { searchParams } = new URL(authorizeUrl)
      const redirectUri = searchParams.get('redirect_uri')!
      if (searchParams.get('client_id') !== app.id || searchParams.get('code_challenge_method') !== 'S256')
        throw new Error('GitHub shows an error page.')
      const code = randomBytes(10).toString('hex')
      codes.set(code, { redirectUri, challenge: searchParams.get('code_challenge')!, user })
      return `${redirectUri}?${new URLSearchParams({ code, state: searchParams.get('state')! })}`
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
