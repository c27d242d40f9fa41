import * as dagCbor from '@ipld/dag-cbor'
import * as dagPb from '@ipld/dag-pb'
import { describe, expect, test } from 'vitest'
import type { Block } from '../../src/block.ts'
import { carRules } from '../../src/car/rules.ts'
import { ContentError } from '../../src/errors.ts'
import { cidOf, DAG_CBOR, DAG_JSON, DAG_PB, RAW } from '../../src/hash/cid.ts'

async function blockOf(codec: number, bytes: Uint8Array): Promise<Block> {
  return { cid: await cidOf(codec, bytes), bytes }
}

function verdict(roots: Block[], blocks: Block[]): string {
  const rules = carRules()
  try {
    rules.checkRoots(roots.map(({ cid }) => cid))
    for (const block of blocks) rules.checkBlock(block)
    rules.checkEnd()
  } catch (error) {
    if (error instanceof ContentError) return `${error.code}: ${error.message}`
    throw error
  }
  return 'fine'
}

describe('carRules', async () => {
  const leaf = await blockOf(RAW, new Uint8Array([1, 2, 3]))
  const other = await blockOf(RAW, new Uint8Array([4]))
  const link = { Hash: leaf.cid, Name: 'leaf', Tsize: 3 }
  const directory = await blockOf(DAG_PB, dagPb.encode({ Data: new Uint8Array([8, 1]), Links: [link] }))
  const emptyDirectory = await blockOf(DAG_PB, dagPb.encode({ Data: new Uint8Array([8, 1]), Links: [] }))
  const object = await blockOf(DAG_CBOR, dagCbor.encode({ a: [{ b: leaf.cid }] }))
  const json = await blockOf(DAG_JSON, new TextEncoder().encode(`{"a":{"/":"${leaf.cid}"}}`))
  const broken = await blockOf(DAG_PB, new Uint8Array([0xff, 0xff]))
  const noBlock = 'INVALID_CAR: CAR must contain at least one non-root block'

  test.each<[string, Block[], Block[], string]>([
    ['a file', [leaf], [leaf], 'fine'],
    ['a directory', [directory], [directory, leaf], 'fine'],
    ['a directory whose root comes last', [directory], [leaf, directory], 'fine'],
    ['a part of a directory, with blocks nothing links to', [directory], [other, directory], 'fine'],
    ['an empty directory', [emptyDirectory], [emptyDirectory], 'fine'],
    ['a codec without rules', [json], [json], 'fine'],
    ['no roots', [], [leaf], 'INVALID_CAR: missing roots'],
    ['two roots', [leaf, other], [leaf, other], 'INVALID_CAR: too many roots'],
    ['no blocks', [leaf], [], 'INVALID_CAR: empty CAR'],
    ['no root block', [leaf], [other], 'INVALID_CAR: missing root block'],
    ['a directory alone', [directory], [directory], noBlock],
    ['an object with links alone', [object], [object], noBlock],
  ])('judges a CAR with %s', (_, roots, blocks, expected) => {
    expect(verdict(roots, blocks)).toBe(expected)
  })

  test('refuses a root that does not decode, and does not decode what is not the root', () => {
    expect(verdict([broken], [broken, leaf])).toContain('INVALID_BLOCK')
    expect(verdict([directory], [directory, broken])).toBe('fine')
  })
})
