import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { CID } from 'multiformats/cid'
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest'
import { type Answer, call, eventually, expectFailure, type Nft, upload, valueIn } from './api.ts'
import { type Server, startServer } from './server.ts'

export const MiB = 1024 * 1024
export const maxUploadBytes = 8 * MiB
const idleMs = 1000

/** A server that tests are unkind to. After every single test it must be healthy, with nothing left and nothing unexpected in its log. */
export interface Target {
  readonly server: Server
  readonly key: string
  readonly authorization: string
  send(body: Uint8Array<ArrayBuffer>, type: string): Promise<Answer>
  /** CIDs of all uploads. */
  list(): Promise<string[]>
  /** Scratch files of uploads that run, or should have been removed. */
  stagedFiles(): Promise<string[]>
  /** That a CID is to be seen nowhere. */
  expectUnseen(cid: CID): Promise<void>
}

/** To be called in a `describe`: starts the server for its tests and watches over each of them. */
export function target(): Target {
  let server: Server
  let key: string
  let logged = 0
  beforeAll(async () => {
    const env = { UPLOAD_IDLE_TIMEOUT_MS: String(idleMs), MAX_UPLOAD_BYTES: String(maxUploadBytes), LOG_LEVEL: 'error' }
    server = await startServer({ env })
    key = await server.createKey()
  })
  afterAll(() => server?.stop())
  beforeEach(() => {
    logged = server.output().length
  })

  const send = (body: Uint8Array<ArrayBuffer>, type: string) => upload(server.apiUrl, key, body, type)
  const list = async () => valueIn<Nft[]>(await call(server.apiUrl, 'GET', '/?limit=1000', { key })).map(({ cid }) => cid)
  async function stagedFiles(): Promise<string[]> {
    const folder = join(server.dataDir, 'blobs/.staging')
    const entries = await readdir(folder, { recursive: true, withFileTypes: true })
    return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  }
  async function expectUnseen(cid: CID): Promise<void> {
    expectFailure(await call(server.apiUrl, 'GET', `/check/${cid}`), 404, 'HTTP_ERROR')
    expect((await fetch(`${server.url}/ipfs/${cid}?format=raw`)).status).toBe(404)
    expect(await list()).not.toContain(String(cid))
  }

  afterEach(async () => {
    expect((await fetch(`${server.url}/health`)).status).toBe(200)
    await eventually(async () => ((await stagedFiles()).length === 0 ? true : undefined), 8_000)
    expect(server.output().slice(logged), 'nothing unexpected goes to the log').not.toMatch(/"level":(50|60)/)
  })

  return {
    get server() {
      return server
    },
    get key() {
      return key
    },
    get authorization() {
      return `Bearer ${key}`
    },
    send,
    list,
    stagedFiles,
    expectUnseen,
  }
}
