import type { IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { CreateMultipartUploadCommand, ListMultipartUploadsCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import type { BlobStore } from '@keepsake/server/blobs/blobs.ts'
import { openBlobs } from '@keepsake/server/blobs/open.ts'
import { openS3Bucket } from '@keepsake/server/blobs/s3-bucket.ts'
import { abortAbandonedUploads } from '@keepsake/server/blobs/s3-upload.ts'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { contentOf } from './content-of.ts'
import { all, collect, keysOf, put } from './contract.ts'
import { type Fault, type FaultyProxy, startFaultyProxy } from './faulty-proxy.ts'
import { bucket, buildVersitygw, credentials, type S3Server, startVersitygw } from './s3-servers.ts'
import { scratchDirectory } from './scratch-directory.ts'

const MiB = 1024 * 1024
const pass: Fault = { kind: 'pass' }
const versitygw = await buildVersitygw()

describe.skipIf(!versitygw)('a bucket behind a bad connection', () => {
  let server: S3Server
  let proxy: FaultyProxy
  let store: BlobStore
  let client: S3Client
  let scratch: Awaited<ReturnType<typeof scratchDirectory>>
  let faultOf: (request: IncomingMessage) => Fault = () => pass
  const seen: string[] = []
  const content = contentOf('behind a bad connection', 20 * MiB)

  const open = (endpoint: string, name = bucket) =>
    openBlobs({
      kind: 's3',
      bucket: name,
      endpoint,
      forcePathStyle: true,
      credentials,
      stagingDirectory: join(scratch.path, 'staging'),
      idleTimeoutMs: 400,
    })

  beforeAll(async () => {
    scratch = await scratchDirectory()
    server = await startVersitygw(versitygw!)
    proxy = await startFaultyProxy(server.port, (request) => {
      seen.push(`${request.method} ${request.url}`)
      return faultOf(request)
    })
    store = await open(proxy.endpoint)
    client = new S3Client({ endpoint: server.endpoint, region: 'us-east-1', forcePathStyle: true, credentials })
    await put(store, 'whole', content)
  })
  beforeEach(() => {
    faultOf = () => pass
    seen.length = 0
  })
  afterAll(async () => {
    await store?.close()
    client?.destroy()
    await proxy?.stop()
    await server?.stop()
    await scratch?.[Symbol.asyncDispose]()
  })

  const isGet = (request: IncomingMessage) => request.method === 'GET' && request.url!.includes('.car')
  const unfinishedUploads = async () => (await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }))).Uploads ?? []

  it('goes on with a download where its connection was cut', async () => {
    faultOf = (request) => (isGet(request) ? { kind: 'cut', afterBytes: 3 * MiB + 17 } : pass)
    expect((await collect(store.stream('whole'))).equals(content)).toBe(true)
    expect(seen.filter((line) => line.startsWith('GET')).length).toBeGreaterThanOrEqual(6)
    const read = await store.read('whole', 5, 4 * MiB)
    expect(content.subarray(5, 5 + 4 * MiB).equals(read)).toBe(true)
  })

  it('goes on with a download that stalls', async () => {
    let stalls = 2
    faultOf = (request) => (isGet(request) && stalls-- > 0 ? { kind: 'stall', afterBytes: MiB } : pass)
    expect((await collect(store.stream('whole'))).equals(content)).toBe(true)
    expect(stalls).toBeLessThan(0)
  })

  it('does not take the patience of a slow reader for a stall', async () => {
    const parts: Uint8Array[] = []
    for await (const chunk of store.stream('whole')) {
      if (parts.push(chunk) === 3) await new Promise((resolve) => setTimeout(resolve, 1500))
    }
    expect(Buffer.concat(parts).equals(content)).toBe(true)
  })

  it('gives up a download that never comes further', async () => {
    faultOf = (request) => (isGet(request) ? { kind: 'cut', afterBytes: 0 } : pass)
    await expect(collect(store.stream('whole'))).rejects.toThrow()
    expect(seen.filter((line) => line.startsWith('GET')).length).toBeLessThanOrEqual(16)
  })

  it('sends the parts of an upload again that the store refused or never got whole', async () => {
    const failures: Fault[] = [
      { kind: 'status', status: 503 },
      { kind: 'status', status: 500 },
      { kind: 'cut-request', afterBytes: MiB },
    ]
    faultOf = (request) => (request.url!.includes('partNumber') ? (failures.shift() ?? pass) : pass)
    await put(store, 'again', content)
    expect(failures).toEqual([])
    faultOf = () => pass
    expect((await collect(store.stream('again'))).equals(content)).toBe(true)
    expect(await unfinishedUploads()).toEqual([])
  })

  it('fails the commit when parts keep failing, and leaves nothing in the bucket', async () => {
    faultOf = (request) => (request.url!.includes('partNumber=2') ? { kind: 'status', status: 500 } : pass)
    await using blob = await store.stage()
    await blob.write(content)
    await expect(blob.commit('never')).rejects.toThrow(/not now/)
    expect(await store.sizeOf('never')).toBeUndefined()
    expect(await unfinishedUploads()).toEqual([])
    // The bytes are still in scratch: the same commit succeeds once the store is back.
    faultOf = () => pass
    await blob.commit('never')
    expect((await collect(store.stream('never'))).equals(content)).toBe(true)
  })

  it('takes a commit for done when only the answer to its last request was lost', async () => {
    let lost = 0
    faultOf = (request) => {
      const completes = request.method === 'POST' && request.url!.includes('uploadId=')
      if (completes) lost += 1
      return completes ? { kind: 'lost-answer' } : pass
    }
    await put(store, 'lostanswer', content)
    expect(lost).toBeGreaterThan(0)
    expect((await collect(store.stream('lostanswer'))).equals(content)).toBe(true)
  })

  it('puts a small blob again after a cut, and does not upload a large one that is there', async () => {
    let cuts = 2
    faultOf = (request) => (request.method === 'PUT' && cuts-- > 0 ? { kind: 'lost-answer' } : pass)
    await put(store, 'small', Buffer.from('small'))
    expect(Buffer.from(await store.read('small', 0, 5)).toString()).toBe('small')
    seen.length = 0
    await put(store, 'whole', content)
    expect(seen.filter((line) => !line.startsWith('HEAD'))).toEqual([])
  })

  it('is an error and not an absence when the store is down or the bucket is missing', async () => {
    const gone = await startFaultyProxy(server.port, () => pass)
    const down = await open(gone.endpoint)
    await gone.stop()
    await expect(down.check()).rejects.toThrow(/Blobs cannot be kept in bucket blobs: .*ECONNREFUSED/)
    await expect(down.sizeOf('whole')).rejects.toThrow(/ECONNREFUSED/)
    await expect(down.read('whole', 0, 1)).rejects.toThrow(/ECONNREFUSED/)
    await expect(put(down, 'unsent', Buffer.from('unsent'))).rejects.toThrow(/ECONNREFUSED/)
    await down.close()
    const missing = await open(server.endpoint, 'nosuchbucket')
    await expect(missing.check()).rejects.toThrow(/Blobs cannot be kept in bucket nosuchbucket: .*bucket does not exist/)
    await expect(missing.read('whole', 0, 1)).rejects.toThrow(expect.objectContaining({ name: 'NoSuchBucket' }))
    await missing.close()
  })

  it('removes uploads in parts that were never completed, once they are old enough', async () => {
    const lost = await client.send(new CreateMultipartUploadCommand({ Bucket: bucket, Key: 'lost.car' }))
    const opened = await openS3Bucket({ bucket, endpoint: server.endpoint, forcePathStyle: true, credentials })
    const { signal } = new AbortController()
    expect(await abortAbandonedUploads(opened, { olderThanMs: 60_000, signal })).toBe(0)
    expect((await unfinishedUploads()).map(({ UploadId }) => UploadId)).toEqual([lost.UploadId])
    expect(await abortAbandonedUploads(opened, { olderThanMs: -60_000, signal })).toBe(1)
    expect(await unfinishedUploads()).toEqual([])
    opened.client.destroy()
  })

  it('lists more blobs than one page holds, and passes over other objects', async () => {
    const keys = Array.from({ length: 1005 }, (_, i) => `page${i}`)
    const send = async (key: string) => client.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: 'x' }))
    for (let at = 0; at < keys.length; at += 50) await Promise.all(keys.slice(at, at + 50).map((key) => send(`${key}.car`)))
    await Promise.all(['readme.txt', 'folder/page.car', 'UPPER.car'].map(send))
    const listed = await keysOf(store)
    expect(listed.filter((key) => key.startsWith('page'))).toEqual([...keys].sort())
    expect(listed.filter((key) => !/^[a-z0-9]+$/.test(key))).toEqual([])
    expect(await all(store.list({ signal: AbortSignal.timeout(10_000) }))).toHaveLength(listed.length)
  })
})
