import { createHash } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import type { BlobStore } from '@keepsake/server/blobs/blobs.ts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { contentOf } from './content-of.ts'

export interface StoreUnderTest {
  store: BlobStore
  /** Where scratch files are, at any depth. */
  scratchDirectory: string
  /** Ends what the store needs; the contract closes the store itself. */
  end(): Promise<void>
}

const MiB = 1024 * 1024
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

export async function put(store: BlobStore, key: string, ...chunks: Uint8Array[]): Promise<void> {
  await using blob = await store.stage()
  for (const chunk of chunks) await blob.write(chunk)
  await blob.sync()
  await blob.commit(key)
}

export async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const seen: T[] = []
  for await (const item of items) seen.push(item)
  return seen
}

export async function collect(bytes: AsyncIterable<Uint8Array>): Promise<Buffer> {
  return Buffer.concat(await all(bytes))
}

export async function keysOf(store: BlobStore): Promise<string[]> {
  return (await all(store.list())).map(({ key }) => key).sort()
}

async function filesIn(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile()).map((entry) => entry.name)
}

/** What every `BlobStore` keeps to. */
export function blobStoreContract(name: string, open: () => Promise<StoreUnderTest>): void {
  describe(`${name} as a blob store`, () => {
    let tested: StoreUnderTest
    let store: BlobStore
    beforeAll(async () => {
      tested = await open()
      store = tested.store
    })
    afterAll(async () => {
      await store?.close()
      await tested?.end()
    })

    describe('writing', () => describeWriting(() => tested))
    describe('reading', () => describeReading(() => store))
    describe('keys', () => describeKeys(() => store))

    it('is healthy', async () => {
      const before = await keysOf(store)
      await store.check()
      expect(await keysOf(store)).toEqual(before)
      expect(await filesIn(tested.scratchDirectory)).toEqual([])
    })
  })
}

function describeWriting(tested: () => StoreUnderTest) {
  it('shows nothing of a blob before it is committed', async () => {
    const { store } = tested()
    const before = await keysOf(store)
    await using blob = await store.stage()
    await blob.write(Buffer.from('not yet'))
    await blob.sync()
    expect(await store.sizeOf('hidden')).toBeUndefined()
    expect(await keysOf(store)).toEqual(before)
    await blob.commit('hidden')
    expect(await store.sizeOf('hidden')).toBe(7)
    expect(await keysOf(store)).toContain('hidden')
  })

  it('keeps chunks in the order of the calls, awaited or not, small or large', async () => {
    const { store } = tested()
    const sizes = [1, 70_000, 3, 0, 300_000, 40, 63_000, 63_000, 63_000, 63_000, 63_000, 5, 1_000_000, 2]
    const chunks = sizes.map((size, index) => contentOf(`ordered ${index}`, size))
    await using blob = await store.stage()
    const writes = chunks.map((chunk, index) =>
      index % 3 === 0 ? blob.write(chunk) : blob.write(chunk.subarray(0, 1), chunk.subarray(1)),
    )
    expect(blob.sizeBytes).toBe(Buffer.concat(chunks).length)
    await Promise.all(writes)
    await blob.commit('ordered')
    expect(sha256(await collect(store.stream('ordered')))).toBe(sha256(Buffer.concat(chunks)))
  })

  it('takes what a buffer holds at the call, so that it may be used again once the write settled', async () => {
    const { store } = tested()
    await using blob = await store.stage()
    for (const size of [10, 100_000]) {
      const buffer = Buffer.alloc(size, 'a')
      await blob.write(buffer)
      buffer.fill('b')
    }
    await blob.commit('reused')
    expect((await collect(store.stream('reused'))).equals(Buffer.alloc(100_010, 'a'))).toBe(true)
  })

  it('leaves nothing of a discarded blob', async () => {
    const { store, scratchDirectory } = tested()
    const before = await keysOf(store)
    const blob = await store.stage()
    await blob.write(contentOf('discarded', 200_000))
    expect(await filesIn(scratchDirectory)).toHaveLength(1)
    await blob.discard()
    await blob.discard()
    expect(await filesIn(scratchDirectory)).toEqual([])
    expect(await keysOf(store)).toEqual(before)
    await expect(blob.write(Buffer.from('more'))).rejects.toThrow(/committed or discarded/)
    await expect(blob.commit('discarded')).rejects.toThrow()
    expect(await store.sizeOf('discarded')).toBeUndefined()
  })

  it('discards a blob whose scope ends before its commit', async () => {
    const { store, scratchDirectory } = tested()
    const failing = async () => {
      await using blob = await store.stage()
      await blob.write(contentOf('scoped', 100_000))
      throw new Error('the upload broke off')
    }
    await expect(failing()).rejects.toThrow('the upload broke off')
    expect(await filesIn(scratchDirectory)).toEqual([])
  })

  it('keeps a committed blob that is discarded afterwards, and takes nothing more into it', async () => {
    const { store } = tested()
    const blob = await store.stage()
    await blob.write(Buffer.from('kept'))
    await blob.commit('kept')
    await blob.commit('kept')
    await blob.discard()
    await expect(blob.write(Buffer.from('more'))).rejects.toThrow(/already committed/)
    await expect(blob.commit('other')).rejects.toThrow(/already committed as kept/)
    expect((await collect(store.stream('kept'))).toString()).toBe('kept')
  })

  it('takes an equal blob again, also many at the same moment', async () => {
    const { store, scratchDirectory } = tested()
    const bytes = contentOf('equal', 150_000)
    await put(store, 'equal', bytes)
    await Promise.all(Array.from({ length: 8 }, () => put(store, 'equal', bytes)))
    expect((await collect(store.stream('equal'))).equals(bytes)).toBe(true)
    expect((await keysOf(store)).filter((key) => key === 'equal')).toHaveLength(1)
    expect(await filesIn(scratchDirectory)).toEqual([])
  })

  it.each([0, 1])('keeps a blob of %i bytes', async (size) => {
    const { store } = tested()
    const bytes = contentOf('tiny', size)
    await put(store, `tiny${size}`, bytes)
    expect(await store.sizeOf(`tiny${size}`)).toBe(size)
    expect((await collect(store.stream(`tiny${size}`))).equals(bytes)).toBe(true)
    expect(Buffer.from(await store.read(`tiny${size}`, 0, size)).equals(bytes)).toBe(true)
  })

  it('keeps a blob of 100 MiB and an odd number of bytes', async () => {
    const { store, scratchDirectory } = tested()
    const bytes = contentOf('large', 100 * MiB + 4321)
    await using blob = await store.stage()
    for (let at = 0; at < bytes.length; at += 777_777) await blob.write(bytes.subarray(at, at + 777_777))
    await blob.sync()
    await blob.commit('large')
    expect(await store.sizeOf('large')).toBe(bytes.length)
    const hash = createHash('sha256')
    let largest = 0
    for await (const chunk of store.stream('large')) {
      hash.update(chunk)
      largest = Math.max(largest, chunk.length)
    }
    expect(hash.digest('hex')).toBe(sha256(bytes))
    expect(largest).toBeLessThanOrEqual(4 * MiB)
    for (const [offset, length] of [
      [16 * MiB - 5, 10],
      [64 * MiB - 1, 2 * MiB],
      [bytes.length - 1, 1],
    ] as const) {
      expect(Buffer.from(await store.read('large', offset, length)).equals(bytes.subarray(offset, offset + length))).toBe(true)
    }
    expect(await filesIn(scratchDirectory)).toEqual([])
  }, 120_000)
}

function describeReading(opened: () => BlobStore) {
  const bytes = contentOf('read me', 3_000_000)
  beforeAll(() => put(opened(), 'readme', bytes))

  it('reads exactly the bytes asked for', async () => {
    const store = opened()
    for (const [offset, length] of [
      [0, 1],
      [1_234_567, 89_012],
      [2_999_999, 1],
      [3_000_000, 0],
    ] as const) {
      const read = await store.read('readme', offset, length)
      expect(read.constructor).toBe(Uint8Array)
      expect(Buffer.from(read).equals(bytes.subarray(offset, offset + length))).toBe(true)
      expect((await collect(store.stream('readme', { offset, length }))).equals(bytes.subarray(offset, offset + length))).toBe(
        true,
      )
    }
    expect((await collect(store.stream('readme', { offset: 2_000_000 }))).equals(bytes.subarray(2_000_000))).toBe(true)
    expect(await collect(store.stream('readme', { offset: 3_000_000 }))).toHaveLength(0)
  })

  it.each([
    [2_999_999, 2],
    [3_000_000, 1],
    [4_000_000, 0],
    [0, 3_000_001],
    [0, 1e15],
    [-1, 1],
    [0, -1],
    [0.5, 1],
    [0, Number.NaN],
  ])('refuses the range from %d of %d bytes, which is not in the blob', async (offset, length) => {
    const store = opened()
    await expect(store.read('readme', offset, length)).rejects.toThrow(expect.objectContaining({ name: 'BlobRangeError' }))
    await expect(collect(store.stream('readme', { offset, length }))).rejects.toThrow(
      expect.objectContaining({ name: 'BlobRangeError' }),
    )
  })

  it('says BlobNotFoundError for a key that is not there', async () => {
    const store = opened()
    const notFound = expect.objectContaining({ name: 'BlobNotFoundError' })
    await expect(store.read('absent', 0, 1)).rejects.toThrow(notFound)
    await expect(store.read('absent', 0, 0)).rejects.toThrow(notFound)
    await expect(collect(store.stream('absent'))).rejects.toThrow(notFound)
    await expect(collect(store.stream('absent', { offset: 5, length: 0 }))).rejects.toThrow(notFound)
    expect(await store.sizeOf('absent')).toBeUndefined()
    await store.delete('absent')
  })

  it('reads many places, of one blob and of others, into one buffer in the order they were asked for', async () => {
    const store = opened()
    const small = Array.from({ length: 50 }, (_, index) => contentOf(`many ${index}`, 100 + index))
    await Promise.all(small.map((content, index) => put(store, `many${index}`, content)))
    const places = [
      ...small.map((_, index) => ({ key: `many${49 - index}`, offset: index, length: small[49 - index]!.length - index })),
      { key: 'readme', offset: 2_000_000, length: 10 },
      { key: 'readme', offset: 5, length: 10 },
      { key: 'readme', offset: 1, length: 600_000 },
      { key: 'many7', offset: 3, length: 0 },
    ]
    const whole = (key: string) => (key === 'readme' ? bytes : small[Number(key.slice(4))]!)
    const expected = (some: typeof places) =>
      Buffer.concat(some.map(({ key, offset, length }) => whole(key).subarray(offset, offset + length)))
    for (const some of [places, places.slice(0, 52), places.slice(3, 5), places.slice(9, 10), []]) {
      const read = await store.readMany(some)
      expect(read.constructor).toBe(Uint8Array)
      expect(Buffer.from(read).equals(expected(some))).toBe(true)
    }
  })

  it('says of many places which one is not there, or not all there', async () => {
    const store = opened()
    const good = { key: 'readme', offset: 0, length: 10 }
    const among = (wrong: { key: string; offset: number; length: number }) => store.readMany([good, wrong, good])
    await expect(among({ ...good, key: 'absent' })).rejects.toMatchObject({ name: 'BlobNotFoundError', key: 'absent' })
    for (const [offset, length] of [
      [2_999_999, 2],
      [3_000_000, 1],
      [0, 3_000_001],
      [-1, 1],
      [0, Number.NaN],
    ] as const)
      await expect(among({ key: 'readme', offset, length })).rejects.toMatchObject({ name: 'BlobRangeError', key: 'readme' })
    await expect(among({ ...good, key: '../escape' })).rejects.toMatchObject({ name: 'InvalidBlobKeyError' })
    await expect(store.readMany([good, good], { signal: AbortSignal.abort(new Error('gone')) })).rejects.toThrow('gone')
  })

  it('ends a stream when its signal is aborted, in the middle or before', async () => {
    const store = opened()
    const stopped = new AbortController()
    let seen = 0
    const reading = async () => {
      for await (const chunk of store.stream('readme', { signal: stopped.signal })) {
        seen += chunk.length
        stopped.abort(new Error('the client left'))
      }
    }
    await expect(reading()).rejects.toThrow('the client left')
    expect(seen).toBeLessThan(bytes.length)
    await expect(collect(store.stream('readme', { signal: stopped.signal }))).rejects.toThrow('the client left')
    await expect(store.read('readme', 0, 1, { signal: stopped.signal })).rejects.toThrow('the client left')
  })

  it('lets a reader leave a stream early', async () => {
    const store = opened()
    for (let i = 0; i < 20; i++) for await (const _ of store.stream('readme')) break
    expect((await store.read('readme', 5, 1))[0]).toBe(bytes[5])
  })

  it('serves many readers at once', async () => {
    const store = opened()
    const offsets = Array.from({ length: 200 }, (_, i) => (i * 7919 * 31) % 2_900_000)
    const reads = await Promise.all(offsets.map((offset) => store.read('readme', offset, 1000)))
    expect(reads.every((read, i) => bytes.subarray(offsets[i]!, offsets[i]! + 1000).equals(read))).toBe(true)
  })

  it('does not find a blob once it is deleted, and takes it again', async () => {
    const store = opened()
    await put(store, 'coming', Buffer.from('first'))
    await store.read('coming', 0, 5)
    await store.delete('coming')
    await expect(store.read('coming', 0, 5)).rejects.toThrow(expect.objectContaining({ name: 'BlobNotFoundError' }))
    expect(await keysOf(store)).not.toContain('coming')
    await put(store, 'coming', Buffer.from('again'))
    expect(Buffer.from(await store.read('coming', 0, 5)).toString()).toBe('again')
  })

  it('survives the deletion of a blob that is being streamed', async () => {
    const store = opened()
    const content = contentOf('going', 20 * MiB)
    await put(store, 'going', content)
    const parts: Uint8Array[] = []
    const reading = async () => {
      for await (const chunk of store.stream('going')) {
        if (parts.push(chunk) === 1) await store.delete('going')
      }
    }
    const outcome = await reading().then(
      () => 'whole',
      (error: Error) => error.name,
    )
    const seen = Buffer.concat(parts)
    expect(seen.equals(content.subarray(0, seen.length))).toBe(true)
    if (outcome === 'whole') expect(seen).toHaveLength(content.length)
    expect(await store.sizeOf('going')).toBeUndefined()
  })
}

function describeKeys(opened: () => BlobStore) {
  it.each(['../escape', 'a/b', '..', '', '.', 'UPPER', 'a.b', 'a\0b', 'ä', 'x'.repeat(300)])(
    'refuses the key %j everywhere',
    async (key) => {
      const store = opened()
      const refused = expect.objectContaining({ name: 'InvalidBlobKeyError' })
      await using blob = await store.stage()
      await expect(blob.commit(key)).rejects.toThrow(refused)
      await expect(store.sizeOf(key)).rejects.toThrow(refused)
      await expect(store.read(key, 0, 1)).rejects.toThrow(refused)
      await expect(collect(store.stream(key))).rejects.toThrow(refused)
      await expect(store.delete(key)).rejects.toThrow(refused)
    },
  )

  it('lists every blob that is there throughout, and none in part, while others are written', async () => {
    const store = opened()
    const sizes = new Map(Array.from({ length: 60 }, (_, i) => [`listed${i}`, 1000 + i]))
    await put(store, 'listedbefore', Buffer.alloc(10))
    let writing = true
    const writers = Promise.allSettled([...sizes].map(([key, size]) => put(store, key, Buffer.alloc(size)))).finally(() => {
      writing = false
    })
    do {
      const seen = new Map<string, number>()
      for await (const { key, sizeBytes, modifiedAt } of store.list()) {
        if (sizes.has(key)) expect(sizeBytes).toBe(sizes.get(key))
        expect(Math.abs(Date.now() - modifiedAt.getTime())).toBeLessThan(600_000)
        seen.set(key, sizeBytes)
      }
      expect(seen.get('listedbefore')).toBe(10)
    } while (writing)
    expect((await writers).filter(({ status }) => status === 'rejected')).toEqual([])
    expect(await keysOf(store)).toEqual(expect.arrayContaining([...sizes.keys()]))
  })

  it('stops listing when the signal is aborted', async () => {
    await expect(all(opened().list({ signal: AbortSignal.abort(new Error('enough')) }))).rejects.toThrow('enough')
  })
}
