import { CID } from 'multiformats/cid'
import { describe, expect, test } from 'vitest'
import { ContentError } from '../../src/errors.ts'
import { packDirectory } from '../../src/unixfs/directory.ts'
import { type PackedFile, packFile } from '../../src/unixfs/file.ts'
import { MAX_NAME_BYTES, MAX_PATH_DEPTH } from '../../src/unixfs/path.ts'
import { type FileTree, fileTree } from '../../src/unixfs/tree.ts'
import { blockCids, collect, File, inPieces, NFTStorage } from '../oracle.ts'

type Files = [path: string, text: string][]

async function packText(text: string): Promise<PackedFile> {
  const { result } = await collect(packFile(inPieces(new TextEncoder().encode(text), () => 1000)))
  return result
}

async function treeOf(files: Files): Promise<FileTree> {
  const tree = fileTree()
  for (const [path, text] of files) tree.add(path, await packText(text))
  return tree
}

async function expectSameAsClient(files: Files): Promise<void> {
  const { blocks, result } = await collect((await treeOf(files)).packTree())
  const expected = await NFTStorage.encodeDirectory(files.map(([path, text]) => new File([text], path)))
  expect(String(result.cid)).toBe(String(expected.cid))
  const own = new Set(blocks.map((block) => String(block.cid)))
  const theirs = await blockCids(expected.car.blocks())
  expect(theirs.filter((cid) => cid.startsWith('bafybei') && !own.has(cid))).toEqual([])
}

function numbered(count: number): Files {
  return Array.from({ length: count }, (_, index) => [`${index}.json`, `{"name":"token ${index}"}`])
}

function codeOf(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    if (error instanceof ContentError) return error.code
    throw error
  }
  return 'no error'
}

describe('packTree', () => {
  test.each([1, 3, 999, 1000, 1001, 5000])('makes the same directory of %i files as the published client', async (count) => {
    await expectSameAsClient(numbered(count))
  })

  test('makes the same sub-directories as the published client', async () => {
    await expectSameAsClient([
      ['readme.txt', 'top'],
      ['images/1.png', 'one'],
      ['images/large/1.png', 'large one'],
      ['/metadata/1', 'leading slash'],
      ['metadata//2', 'empty segment'],
      ['./metadata/./3', 'dots'],
      ['back\\slash', 'is a separator too'],
      ['  padded/name  ', 'white space around'],
      ['empty', ''],
    ])
  })

  test('makes the same sharded sub-directories as the published client', async () => {
    const files: Files = numbered(1200).map(([path, text]) => [`images/${path}`, text])
    await expectSameAsClient([...files, ['readme.txt', 'beside']])
  })

  test('makes the same directory of names in many scripts as the published client', async () => {
    const names = ['猫.png', 'é', 'é', '😀.gif', '\ufffd', '\u{10ffff}', 'Z', 'a', 'Ä', '%20', 'a b', '#?', 'constructor', '..a']
    await expectSameAsClient(names.map((name) => [name, name]))
    const many = Array.from({ length: 1100 }, (_, index): [string, string] => [
      `${names[index % names.length]}-${index}`,
      `${index}`,
    ])
    await expectSameAsClient(many)
  })

  test('makes the same directory as the published client of names longer than file systems take', async () => {
    await expectSameAsClient([
      ['n'.repeat(MAX_NAME_BYTES), 'long'],
      ['x', 'short'],
    ])
  })

  test('gives the CID and size nft.storage was seen to give', async () => {
    const { result } = await collect(
      (
        await treeOf([
          ['name1', 'hello world! 1'],
          ['name2', 'hello world! 2'],
        ])
      ).packTree(),
    )
    expect(String(result.cid)).toBe('bafybeifrkxqq5bbn4fkykfyggoltlb7vn3moyhr3pldzx3me6yiukcfsem')
    expect(result.dagBytes).toBe(130)
  })

  test('lets the last of several files with one name win', async () => {
    const tree = await treeOf([
      ['a', 'first'],
      ['b', 'other'],
      ['a', 'second'],
    ])
    expect(tree.fileCount).toBe(2)
    const { result } = await collect(tree.packTree())
    const expected = await collect(
      (
        await treeOf([
          ['b', 'other'],
          ['a', 'second'],
        ])
      ).packTree(),
    )
    expect(String(result.cid)).toBe(String(expected.result.cid))
  })

  test('keeps a file called __proto__', async () => {
    const { blocks } = await collect((await treeOf([['__proto__/__proto__', 'kept']])).packTree())
    expect(blocks.map((block) => new TextDecoder().decode(block.bytes).includes('__proto__'))).toEqual([true, true])
  })

  test('keeps files added to a directory after its parent was sharded, which the published client loses', async () => {
    const files: Files = [['sub/1', 'one'], ...numbered(1100), ['sub/2', 'two']]
    const sorted = [...files].sort(([a], [b]) => (a < b ? -1 : 1))
    const { result } = await collect((await treeOf(files)).packTree())
    const fromSorted = await collect((await treeOf(sorted)).packTree())
    expect(String(result.cid)).toBe(String(fromSorted.result.cid))
    const lossy = await NFTStorage.encodeDirectory(files.map(([path, text]) => new File([text], path)))
    expect(String(result.cid)).not.toBe(String(lossy.cid))
    const inOrder: Files = [['sub/1', 'one'], ['sub/2', 'two'], ...numbered(1100)]
    const expected = await NFTStorage.encodeDirectory(inOrder.map(([path, text]) => new File([text], path)))
    expect(String(result.cid)).toBe(String(expected.cid))
  })

  test.each([
    '',
    '/',
    './.',
    '  ',
    '..',
    'a/../b',
    'a\0b',
    '\ud800',
    'a\\.\\b',
    'a\\/b',
    'n'.repeat(MAX_NAME_BYTES + 1),
    '猫'.repeat(MAX_NAME_BYTES / 3 + 1),
  ])('refuses the path %j', async (path) => {
    const file = await packText('x')
    expect(codeOf(() => fileTree().add(path, file))).toBe('INVALID_INPUT')
  })

  test('refuses a path with more names than the limit', async () => {
    const file = await packText('x')
    expect(codeOf(() => fileTree().add(`${'a/'.repeat(MAX_PATH_DEPTH - 1)}a`, file))).toBe('no error')
    expect(codeOf(() => fileTree().add(`${'a/'.repeat(MAX_PATH_DEPTH)}a`, file))).toBe('LIMIT_EXCEEDED')
  })

  test('refuses a file where a directory is, and the reverse', async () => {
    const file = await packText('x')
    const tree = fileTree()
    tree.add('a/b', file)
    expect(codeOf(() => tree.add('a', file))).toBe('INVALID_INPUT')
    expect(codeOf(() => tree.add('a/b/c', file))).toBe('INVALID_INPUT')
  })
})

describe('packDirectory', () => {
  const cid = CID.parse('bafkreidvbhs33ighmljlvr7zbv2ywwzcmp5adtf4kqvlly67cy56bdtmve')

  test('makes the well-known empty directory of nothing', async () => {
    const { result } = await collect(packDirectory([]))
    expect(String(result.cid)).toBe('bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354')
    expect(result.dagBytes).toBe(4)
  })

  test('refuses a name that comes twice', async () => {
    const twice = ['a', 'b', 'a'].map((name) => ({ name, cid, dagBytes: 12 }))
    await expect(collect(packDirectory(twice))).rejects.toThrow('"a" is in the directory twice')
  })

  test.each(['', '..', 'a/b', 'a\0b', 'n'.repeat(1025)])('refuses the name %j', async (name) => {
    await expect(collect(packDirectory([{ name, cid, dagBytes: 12 }]))).rejects.toThrow(ContentError)
  })

  test('counts all blocks of a sharded directory and its files', async () => {
    const entries = numbered(1500).map(([name]) => ({ name, cid, dagBytes: 12 }))
    const { blocks, result } = await collect(packDirectory(entries))
    expect(result.dagBytes).toBe(blocks.reduce((sum, block) => sum + block.bytes.length, 0) + 1500 * 12)
  })
})
