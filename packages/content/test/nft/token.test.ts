import * as dagCbor from '@ipld/dag-cbor'
import { CID } from 'multiformats/cid'
import { describe, expect, test } from 'vitest'
import { ContentError } from '../../src/errors.ts'
import { packToken, type TokenFile } from '../../src/nft/token.ts'
import { packFile } from '../../src/unixfs/file.ts'
import { fileTree } from '../../src/unixfs/tree.ts'
import { Blob, collect, File, inPieces, NFTStorage } from '../oracle.ts'

const directory = CID.parse('bafybeifrkxqq5bbn4fkykfyggoltlb7vn3moyhr3pldzx3me6yiukcfsem')

async function tokenFile(path: string, fileName: string, text: string): Promise<TokenFile> {
  const { result: file } = await collect(packFile(inPieces(new TextEncoder().encode(text), () => 1000)))
  const tree = fileTree()
  tree.add(fileName, file)
  const { result } = await collect(tree.packTree())
  return { path: path.split('.'), fileName, directory: result.cid }
}

async function codeOf(meta: unknown, ...paths: string[][]): Promise<string> {
  try {
    const packed = packToken(
      meta,
      paths.map((path) => ({ path, fileName: 'x', directory })),
    )
    await collect(packed)
  } catch (error) {
    if (error instanceof ContentError) return error.code
    throw error
  }
  return 'no error'
}

describe('packToken', () => {
  test('makes the same root and data as the published client of a token with one image', async () => {
    const expected = await NFTStorage.encodeNFT({
      name: 'nft',
      description: 'a token',
      image: new File(['meow'], 'cat.png', { type: 'image/png' }),
    })
    const { result } = await collect(
      packToken({ name: 'nft', description: 'a token' }, [await tokenFile('image', 'cat.png', 'meow')]),
    )
    expect(String(result.cid)).toBe(String(expected.cid))
    expect(JSON.stringify(result.data)).toBe(JSON.stringify(expected.token.data))
  })

  test('makes the same root as the published client of files deep in objects and arrays', async () => {
    const input = {
      name: 'nft ✨',
      description: 'with numbers, lists and files',
      image: new File(['meow'], 'a cat?.png', { type: 'image/png' }),
      decimals: 18,
      properties: {
        rarity: 0.25,
        huge: 1e21,
        none: null,
        files: [new Blob(['0']), 'text', new File(['2'], '猫.txt')],
        deep: { er: { file: new File(['deep'], 'deep') } },
        type: 'mine',
      },
      type: 'overwritten in the root',
      'metadata.json': 'too',
      __proto__x: 1,
    }
    const expected = await NFTStorage.encodeNFT(input)
    const { image: _, ...meta } = structuredClone({ ...input, image: null, properties: null }) as Record<string, unknown>
    meta.properties = {
      rarity: 0.25,
      huge: 1e21,
      none: null,
      files: [null, 'text', null],
      deep: { er: {} },
      type: 'mine',
    }
    const files = [
      await tokenFile('image', 'a cat?.png', 'meow'),
      await tokenFile('properties.files.0', 'blob', '0'),
      await tokenFile('properties.files.2', '猫.txt', '2'),
      await tokenFile('properties.deep.er.file', 'deep', 'deep'),
    ]
    const { result } = await collect(packToken(meta, files))
    expect(JSON.stringify(result.data)).toBe(JSON.stringify(expected.token.data))
    expect(String(result.cid)).toBe(String(expected.cid))
  })

  test('makes the same root as the published client of metadata too long for one chunk', async () => {
    const description = 'long '.repeat(60_000)
    const expected = await NFTStorage.encodeNFT({ name: 'n', description, image: new Blob(['i'], { type: 'image/gif' }) })
    const { blocks, result } = await collect(packToken({ name: 'n', description }, [await tokenFile('image', 'blob', 'i')]))
    expect(String(result.cid)).toBe(String(expected.cid))
    expect(blocks).toHaveLength(4)
    expect(result.metadata.dagBytes + result.rootBytes).toBe(blocks.reduce((sum, block) => sum + block.bytes.length, 0))
  })

  test('appends to an array in whatever order the files come', async () => {
    const { blocks } = await collect(
      packToken({ src: [] }, [
        { path: ['src', '1'], fileName: 'one', directory },
        { path: ['src', '0'], fileName: 'zero', directory },
      ]),
    )
    expect(JSON.parse(new TextDecoder().decode(blocks[0]!.bytes)).src).toEqual([
      `ipfs://${directory}/zero`,
      `ipfs://${directory}/one`,
    ])
    expect(dagCbor.decode<{ src: CID[] }>(blocks[1]!.bytes).src.map(String)).toEqual([String(directory), String(directory)])
  })

  test.each([
    [['__proto__', 'polluted']],
    [['constructor', 'prototype', 'polluted']],
    [['prototype']],
    [['toString', 'polluted']],
    [['nowhere', 'image']],
    [['name', 'image']],
    [['list', '0', 'image']],
    [['list', '4294967294']],
    [['list', '2']],
    [['list', 'length']],
    [['list', '01']],
    [[]],
  ])('refuses a file at %j', async (path) => {
    expect(await codeOf({ name: 'n', list: [1] }, path)).toBe('INVALID_INPUT')
    expect(({} as Record<string, unknown>).polluted).toBeUndefined()
  })

  test('refuses a file inside the place of another', async () => {
    expect(await codeOf({}, ['image'], ['image', 'bytes'])).toBe('INVALID_INPUT')
  })

  test.each([['text'], [null], [[1]], [7], [undefined]])('refuses %j for metadata', async (meta) => {
    expect(await codeOf(meta)).toBe('INVALID_INPUT')
  })

  test('refuses metadata nested beyond what can be written', async () => {
    let meta: unknown = {}
    for (let depth = 0; depth < 100_000; depth++) meta = { meta }
    expect(await codeOf(meta)).toBe('INVALID_INPUT')
  })

  test('refuses metadata that makes the root larger than a block', async () => {
    expect(await codeOf({ name: 'x'.repeat(2 * 1024 * 1024) })).toBe('LIMIT_EXCEEDED')
  })
})
