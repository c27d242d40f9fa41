import * as dagPb from '@ipld/dag-pb'
import { UnixFS } from 'ipfs-unixfs'
import { CID } from 'multiformats/cid'
import { expect, test } from 'vitest'
import { ContentError } from '../../src/errors.ts'
import { hamtHash, hamtPrefix } from '../../src/hamt/hash.ts'
import { packShards } from '../../src/hamt/pack.ts'
import { collect } from '../oracle.ts'

const cid = CID.parse('bafkreidvbhs33ighmljlvr7zbv2ywwzcmp5adtf4kqvlly67cy56bdtmve')

test('places each name by the bytes of its hash, with its slot in front of it and in the bit field', async () => {
  const names = Array.from({ length: 3000 }, (_, index) => `token-${index}`)
  const { blocks, result } = await collect(packShards(names.map((name) => ({ name, cid, dagBytes: 1 }))))
  const nodes = new Map(blocks.map((block) => [String(block.cid), dagPb.decode(block.bytes)]))
  const found: string[] = []
  const visit = (key: string, slots: number[]) => {
    const node = nodes.get(key)!
    const data = UnixFS.unmarshal(node.Data!)
    expect(data).toMatchObject({ type: 'hamt-sharded-directory', fanout: 256n })
    const field = Buffer.from(data.data!).reverse()
    const used = Array.from({ length: 256 }, (_, slot) => slot).filter((slot) => (field[slot >> 3] ?? 0) & (1 << (slot & 7)))
    expect(node.Links.map((link) => link.Name!.slice(0, 2))).toEqual(used.map((slot) => hamtPrefix(slot)))
    for (const link of node.Links) {
      const path = [...slots, Number.parseInt(link.Name!.slice(0, 2), 16)]
      const name = link.Name!.slice(2)
      if (name === '') {
        visit(String(link.Hash), path)
        continue
      }
      expect([...hamtHash(name).subarray(0, path.length)]).toEqual(path)
      found.push(name)
    }
  }
  visit(String(result.cid), [])
  expect(found.sort()).toEqual(names.sort())
})

test('refuses names that have the same hash, instead of looking for a difference for ever', async () => {
  const same = ['a', 'same', 'same'].map((name) => ({ name, cid, dagBytes: 1 }))
  await expect(collect(packShards(same))).rejects.toThrow(ContentError)
  await expect(collect(packShards(same))).rejects.toThrow('have the same hash')
})
