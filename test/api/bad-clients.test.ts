import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { type Answer, call, eventually, expectFailure, fresh, upload, valueIn } from '../setup/api.ts'
import { car, cbor, raw } from '../setup/cars.ts'
import { multipart, multipartType, part } from '../setup/multipart.ts'
import { answerTo, open, type RawCall, rawCall } from '../setup/raw-request.ts'
import { startsServers } from '../setup/shared.ts'
import { MiB, maxUploadBytes, target } from '../setup/target.ts'

describe.skipIf(!startsServers)('whatever is sent', () => {
  const to = target()

  const uploads: [name: string, type: string, start: () => Promise<Uint8Array>][] = [
    ['a file', 'image/png', async () => fresh(500_000)],
    [
      'a CAR',
      'application/car',
      async () => {
        const b = await raw(fresh(MiB))
        return car([b.cid], [b]).slice(0, 500_000)
      },
    ],
    ['a form', multipartType, async () => multipart([part('file', 'x', fresh(500_000))], { end: false })],
  ]

  const begin = (type: string, more: Record<string, string> = {}): RawCall => ({
    path: '/api/upload',
    headers: { authorization: to.authorization, 'content-type': type, ...more },
  })

  describe('by a client that stalls', () => {
    it.each(uploads)('in the middle of %s: it is told 408 and nothing is kept', async (_name, type, start) => {
      const before = await to.list()
      const pending = open(to.server.url, begin(type, { 'content-length': '5000000' }))
      const answer = answerTo(pending)
      pending.write(await start())
      expectFailure(await answer, 408, 'REQUEST_TIMEOUT', /1 seconds?/)
      pending.destroy()
      expect(await to.list()).toEqual(before)
    })

    it.each(['/api/upload', '/api/store', '/api/internal/tokens'])(
      'before the first byte to %s: the connection is not held for ever',
      async (path) => {
        const pending = open(to.server.url, {
          path,
          headers: { authorization: to.authorization, 'content-type': multipartType, 'content-length': '1000' },
        })
        const answer = answerTo(pending)
        pending.flushHeaders()
        const told = await Promise.race([answer, sleep(8_000)])
        pending.destroy()
        await answer.catch(() => undefined)
        expect(told, 'an answer').toBeDefined()
        expectFailure(told as Answer, 408, 'REQUEST_TIMEOUT')
      },
    )

    it('a byte now and then is no stall', async () => {
      const pending = open(to.server.url, begin('image/png', { 'content-length': '5' }))
      const answer = answerTo(pending)
      for (let n = 0; n < 5; n++) {
        pending.write(fresh(1))
        await sleep(400)
      }
      pending.end()
      expect(valueIn(await answer).size).toBe(5)
    })
  })

  describe('by a client that goes away', () => {
    it.each(uploads)('in the middle of %s: nothing is kept', async (_name, type, start) => {
      const before = await to.list()
      const pending = open(to.server.url, begin(type, { 'content-length': '5000000' }))
      pending.on('error', () => {})
      pending.write(await start())
      await sleep(100)
      pending.destroy()
      await eventually(async () => ((await to.stagedFiles()).length === 0 ? true : undefined), 3_000)
      expect(await to.list()).toEqual(before)
    })

    it('with twenty uploads at once: nothing is kept', async () => {
      const before = await to.list()
      await Promise.all(
        Array.from({ length: 20 }, async () => {
          const pending = open(to.server.url, begin('image/png', { 'transfer-encoding': 'chunked' }))
          pending.on('error', () => {})
          pending.write(fresh(100_000))
          await sleep(50 + Math.random() * 100)
          pending.destroy()
        }),
      )
      await eventually(async () => ((await to.stagedFiles()).length === 0 ? true : undefined), 3_000)
      expect(await to.list()).toEqual(before)
    })
  })

  describe('as more than MAX_UPLOAD_BYTES', () => {
    it('is refused by its announced length before a byte is sent', async () => {
      const pending = open(to.server.url, begin('image/png', { 'content-length': String(maxUploadBytes + 1) }))
      const answer = answerTo(pending)
      pending.flushHeaders()
      expectFailure(await answer, 413, 'PAYLOAD_TOO_LARGE', /at most 8388608 bytes \(MAX_UPLOAD_BYTES\), got 8388609/)
      pending.destroy()
    })

    it.each(uploads.map(([name, type]) => [name, type]))(
      'is refused without a length when it passes the limit, as %s',
      async (_name, type) => {
        const body =
          type === 'image/png'
            ? fresh(maxUploadBytes + 1)
            : type === multipartType
              ? multipart([part('file', 'x', fresh(maxUploadBytes))])
              : await bigCar()
        const before = await to.list()
        const answer = await rawCall(to.server.url, begin(type, { 'transfer-encoding': 'chunked' }), body)
        expectFailure(answer, 413, 'PAYLOAD_TOO_LARGE', /at most 8388608 bytes \(MAX_UPLOAD_BYTES\)/)
        expect(await to.list()).toEqual(before)
      },
    )

    async function bigCar(): Promise<Uint8Array> {
      const leaves = await Promise.all(Array.from({ length: 9 }, () => raw(fresh(MiB))))
      const root = await cbor(leaves.map(({ cid }) => cid))
      return car([root.cid], [root, ...leaves])
    }

    it('is answered readably even when the client sends all of it first', async () => {
      const answer = await upload(to.server.apiUrl, to.key, fresh(3 * maxUploadBytes), 'image/png')
      expectFailure(answer, 413, 'PAYLOAD_TOO_LARGE')
    })
  })

  describe('twice at once', () => {
    it.each([2, 16])('%i uploads of the same file make one', async (count) => {
      const bytes = fresh(300_000)
      const answers = await Promise.all(Array.from({ length: count }, () => to.send(bytes, 'image/png')))
      const made = answers.map((answer) => valueIn(answer))
      expect(new Set(made.map(({ cid }) => cid)).size).toBe(1)
      expect(new Set(made.map(({ created }) => created)).size).toBe(1)
      const nft = valueIn(await call(to.server.apiUrl, 'GET', `/${made[0]!.cid}`, { key: to.key }))
      expect(nft.parts).toHaveLength(1)
      expect((await to.list()).filter((cid) => cid === nft.cid)).toHaveLength(1)
      expect(Buffer.compare(Buffer.from(await (await fetch(`${to.server.url}/ipfs/${nft.cid}`)).arrayBuffer()), bytes)).toBe(0)
    })

    it('the same content as a file, as a CAR and by sixteen requests in all keeps every part once', async () => {
      const bytes = fresh(1000)
      const block = await raw(bytes)
      const answers = await Promise.all(
        Array.from({ length: 16 }, (_, n) =>
          n % 2 ? to.send(bytes, 'image/png') : to.send(car([block.cid], [block, ...(n % 4 ? [block] : [])]), 'application/car'),
        ),
      )
      for (const answer of answers) expect(valueIn(answer).cid).toBe(String(block.cid))
      const nft = valueIn(await call(to.server.apiUrl, 'GET', `/${block.cid}`, { key: to.key }))
      expect(new Set(nft.parts).size).toBe(nft.parts.length)
      expect(nft.pin.status).toBe('pinned')
    })

    it('an upload and deletes of it end in one state or the other', async () => {
      const bytes = fresh()
      const { cid } = valueIn(await to.send(bytes, 'image/png'))
      const answers = await Promise.all(
        Array.from({ length: 16 }, (_, n) =>
          n % 2 ? to.send(bytes, 'image/png') : call(to.server.apiUrl, 'DELETE', `/${cid}`, { key: to.key }),
        ),
      )
      for (const { status } of answers) expect([200, 202, 404]).toContain(status)
      expect([200, 404]).toContain((await call(to.server.apiUrl, 'GET', `/${cid}`, { key: to.key })).status)
      valueIn(await to.send(bytes, 'image/png'))
      expect((await call(to.server.apiUrl, 'GET', `/${cid}`, { key: to.key })).status).toBe(200)
    })
  })
})
