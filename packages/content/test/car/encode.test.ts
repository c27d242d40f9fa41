import { createHash } from 'node:crypto'
import { CarReader } from '@ipld/car'
import { expect, test } from 'vitest'
import { carCid, encodeCarHeader, encodeSectionPrefix } from '../../src/car/encode.ts'
import { cidOf } from '../../src/hash/cid.ts'

test('names a CAR file by the codec of CARs and its sha2-256', () => {
  const digest = createHash('sha256').update('hello').digest()
  const cid = carCid(digest)
  expect(String(cid)).toMatch(/^bagbaiera/)
  expect(cid.code).toBe(0x0202)
  expect(Buffer.from(cid.multihash.digest).equals(digest)).toBe(true)
})

test('writes headers and sections that @ipld/car reads, for block lengths of one to three varint bytes', async () => {
  const parts: Uint8Array[] = []
  const cids = []
  for (const length of [0, 1, 91, 92, 127, 128, 16_347, 16_348, 300_000]) {
    const bytes = new Uint8Array(length).fill(length)
    const cid = await cidOf(0x71, bytes)
    cids.push(cid)
    parts.push(encodeSectionPrefix(cid, length), bytes)
  }
  const reader = await CarReader.fromBytes(new Uint8Array(Buffer.concat([encodeCarHeader(cids), ...parts])))
  expect((await reader.getRoots()).map(String)).toEqual(cids.map(String))
  for (const cid of cids) expect(String(await cidOf(0x71, (await reader.get(cid))!.bytes))).toBe(String(cid))
})
