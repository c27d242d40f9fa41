import { CID } from 'multiformats/cid'
import { describe, expect, test } from 'vitest'
import { MAX_ENTRIES } from '../../src/aggregate/entry-limit.ts'
import { multihashSet } from '../../src/aggregate/multihash-set.ts'
import { MAX_FOLDER_LINKS, packFolder, packFolders } from '../../src/aggregate/unixfs-2021/directories.ts'
import { type DagItem, entryPath, foldersOf } from '../../src/aggregate/unixfs-2021/entries.ts'
import { checkEntries, resolveSelector } from '../../src/aggregate/unixfs-2021/find-entry.ts'
import { layOutDags } from '../../src/aggregate/unixfs-2021/layout.ts'
import { encodeManifest, MANIFEST_NAME, parseManifest } from '../../src/aggregate/unixfs-2021/manifest.ts'
import { decodeCar } from '../../src/car/decode.ts'
import { rawCid } from '../../src/hash/cid.ts'
import { packFile } from '../../src/unixfs/file.ts'
import { collect, inPieces, listAll, pattern, seeded } from '../oracle.ts'
import { MemoryBlocks, putUnixFs } from '../read/fixtures.ts'

async function itemsOf(count: number): Promise<DagItem[]> {
  return await Promise.all(
    Array.from({ length: count }, async (_, index) => ({ root: await rawCid(pattern(40, index)), dagBytes: 40 + index })),
  )
}

async function manifestOf(count: number): Promise<string[]> {
  const { entries } = await layOutDags(await itemsOf(count))
  const text = Buffer.concat(await listAll(encodeManifest(entries))).toString()
  return text.trimEnd().split('\n')
}

async function read(lines: readonly string[], pieceBytes = 1000) {
  return await listAll(parseManifest(inPieces(Buffer.from(`${lines.join('\n')}\n`), () => pieceBytes)))
}

/** The line at `index` with some keys set to something else; `undefined` leaves one out. */
function changed(lines: readonly string[], index: number, change: Record<string, unknown>): string[] {
  return lines.with(index, JSON.stringify({ ...JSON.parse(lines[index]!), ...change }))
}

describe('parseManifest', () => {
  test('reads what was written, however it is cut', async () => {
    const { entries } = await layOutDags(await itemsOf(25))
    const random = seeded(3)
    const bytes = Buffer.concat(await listAll(encodeManifest(entries)))
    expect(await listAll(parseManifest(inPieces(bytes, () => 1 + random(90))))).toEqual(entries)
  })

  test.each<[string, (lines: string[]) => string[], string]>([
    ['nothing', () => [], 'JSON'],
    ['another file', () => ['{"name":"Token #1"}'], 'does not begin as a manifest'],
    ['a later version', (lines) => changed(lines, 0, { Version: 2 }), 'its version is 2, only 1 can be read'],
    ['no summary', (lines) => lines.toSpliced(1, 1), 'it is not the summary'],
    ['another order', (lines) => changed(lines, 1, { EntriesSortedBy: 'DagSize' }), 'not sorted by DagCidV1'],
    ['more entries than it may have', (lines) => changed(lines, 1, { EntryCount: MAX_ENTRIES + 1 }), 'more than the limit'],
    ['a count that is none', (lines) => changed(lines, 1, { EntryCount: -1 }), 'how many entries'],
    ['more entries than announced', (lines) => changed(lines, 1, { EntryCount: 2 }), 'more entries than the 2 announced'],
    ['fewer entries than announced', (lines) => lines.slice(0, -1), 'after 2 entries of 3'],
    ['an entry twice', (lines) => [...lines.slice(0, 4), lines[3]!], 'out of order'],
    ['entries out of order', (lines) => [lines[0]!, lines[1]!, lines[3]!, lines[2]!, lines[4]!], 'out of order'],
    ['a line that is no JSON', (lines) => lines.with(3, '{'), 'Line 4 of the manifest: it is not JSON'],
    ['a line that is a list', (lines) => lines.with(3, '[]'), 'not an object'],
    ['another record', (lines) => changed(lines, 3, { RecordType: 'Other' }), 'not an entry'],
    ['a CID that is none', (lines) => changed(lines, 3, { DagCidV1: 'bafy' }), 'not a CID'],
    [
      'a CID of version 0',
      (lines) => changed(lines, 3, { DagCidV1: 'QmQy6xmJhrcC5QLboAcGFcAE1tC8CrwDVkrHdEYJkLscrQ' }),
      'not a CID',
    ],
    ['a CID that is padded', (lines) => lines.with(3, lines[3]!.replace(/("DagCidV1":"\w+)/, '$1=')), 'not a CID'],
    [
      'a CIDv0 where there is none',
      (lines) => changed(lines, 3, { DagCidV0: 'QmQy6xmJhrcC5QLboAcGFcAE1tC8CrwDVkrHdEYJkLscrQ' }),
      'DagCidV0',
    ],
    ['a size that is none', (lines) => changed(lines, 3, { DagSize: 1.5 }), 'DagSize'],
    ['a count of nodes that is none', (lines) => changed(lines, 3, { NodeCount: '1' }), 'NodeCount'],
    ['folders of another CID', (lines) => changed(lines, 3, { PathPrefixes: ['baf...aa', 'baf...aaaa'] }), 'PathPrefixes'],
    ['no folders', (lines) => changed(lines, 3, { PathPrefixes: undefined }), 'PathPrefixes'],
    ['two links', (lines) => changed(lines, 3, { PathIndexes: [1, 0] }), 'three numbers'],
    ['links backwards', (lines) => changed(lines, 3, { PathIndexes: [1, -1, 0] }), 'three numbers'],
    ['a line without end', (lines) => [...lines.slice(0, 4), 'x'.repeat(5000)], 'longer than 4096 bytes'],
  ])('refuses %s', async (_, change, message) => {
    const lines = await manifestOf(3)
    await expect(read(change(lines))).rejects.toThrow(message)
  })

  test('holds no more of an endless line than it may', async () => {
    let given = 0
    const endless = (async function* () {
      for (;;) {
        given++
        yield Buffer.alloc(1000, 'x')
      }
    })()
    await expect(listAll(parseManifest(endless))).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' })
    expect(given).toBeLessThan(8)
  })
})

/** The blocks of an aggregate, without those of its entries. */
async function folderBlocks(count: number) {
  const aggregate = await layOutDags(await itemsOf(count))
  const blocks = new MemoryBlocks()
  const bytes = (await listAll(aggregate.parts(() => []))).map((part) => (part.kind === 'bytes' ? part.bytes : new Uint8Array()))
  const car = await decodeCar(inPieces(Buffer.concat(bytes), () => 65_536))
  for await (const block of car.blocks) blocks.add(block.cid, block.bytes)
  return { ...aggregate, blocks }
}

describe('checkEntries', () => {
  test('refuses folders that hold something else than the manifest says', async () => {
    const { blocks, entries } = await folderBlocks(4)
    const lines = await manifestOf(4)
    const variants: [string[], string][] = [
      [changed(lines.toSpliced(2, 1), 1, { EntryCount: 3 }), 'is not in the manifest'],
      [changed(lines, 3, { PathIndexes: [1, 5, 5] }), 'is at links'],
    ]
    for (const [manifest, message] of variants) {
      const packed = await collect(packFile(inPieces(Buffer.from(`${manifest.join('\n')}\n`), () => 1000)))
      for (const block of packed.blocks) blocks.add(block.cid, block.bytes)
      const links = await packFolders(entries, () => {})
      const root = await packFolder(new Map([[MANIFEST_NAME, packed.result], ...links]), (block) =>
        blocks.add(block.cid, block.bytes),
      )
      await expect(checkEntries(blocks, root.cid)).rejects.toThrow(message)
    }
  })

  test('refuses a name that leads to another CID, a name that is there twice, and a folder that is a file', async () => {
    const { blocks, entries } = await folderBlocks(1)
    const entry = entries[0]!
    const other = await rawCid(pattern(9))
    const manifest = (await collect(packFile(inPieces(Buffer.concat(await listAll(encodeManifest(entries))), () => 999)))).result
    const rootOver = async (dags: { name: string; cid: CID }[]) => {
      const inner = await putUnixFs(blocks, { type: 'directory' }, dags)
      const outer = await putUnixFs(blocks, { type: 'directory' }, [{ name: foldersOf(entry.cid)[1], cid: inner }])
      return await putUnixFs(blocks, { type: 'directory' }, [
        { name: MANIFEST_NAME, cid: manifest.cid },
        { name: foldersOf(entry.cid)[0], cid: outer },
      ])
    }
    const right = { name: entry.cid, cid: CID.parse(entry.cid) }
    expect(await checkEntries(blocks, await rootOver([right]))).toBe(1)
    await expect(checkEntries(blocks, await rootOver([{ ...right, cid: other }]))).rejects.toThrow(`leads to ${other}`)
    await expect(checkEntries(blocks, await rootOver([right, right]))).rejects.toThrow('out of order')
    await expect(checkEntries(blocks, await rootOver([]))).rejects.toThrow(`${entryPath(entry)} is in the manifest, and not`)
    const flat = await putUnixFs(blocks, { type: 'directory' }, [
      { name: MANIFEST_NAME, cid: manifest.cid },
      { name: foldersOf(entry.cid)[0], cid: other },
    ])
    await expect(checkEntries(blocks, flat)).rejects.toMatchObject({ code: 'PATH_NOT_FOUND' })
  })
})

describe('resolveSelector', () => {
  test('refuses what is no selector, what leads nowhere and what is endless', async () => {
    const { blocks, root } = await folderBlocks(2)
    for (const selector of [
      '',
      'Links',
      'Links/1',
      'Links/01/Hash',
      'Links/-1/Hash',
      'Links/1/Hash/',
      '/Links/1/Hash',
      `Links/${'9'.repeat(400)}/Hash`,
    ]) {
      await expect(resolveSelector(blocks, root, selector)).rejects.toMatchObject({ code: 'INVALID_INPUT' })
    }
    await expect(resolveSelector(blocks, root, 'Links/77/Hash')).rejects.toMatchObject({ code: 'PATH_NOT_FOUND' })
    await expect(resolveSelector(blocks, root, Array(65).fill('Links/1/Hash').join('/'))).rejects.toMatchObject({
      code: 'LIMIT_EXCEEDED',
    })
    const below = 'Links/1/Hash/Links/0/Hash/Links/0/Hash/Links/0/Hash'
    await expect(resolveSelector(blocks, root, below)).rejects.toThrow('is not dag-pb')
  })
})

describe('packFolder', () => {
  test('takes as many links as it may and not one more, below 2 MiB', async () => {
    const cid = await rawCid(pattern(3))
    const links = new Map(
      Array.from({ length: MAX_FOLDER_LINKS }, (_, at) => [String(at).padStart(59, '0'), { cid, dagBytes: 2 ** 40 }]),
    )
    let blockBytes = 0
    await packFolder(links, ({ bytes }) => {
      blockBytes = bytes.length
    })
    expect(blockBytes).toBeLessThan(2 * 1024 * 1024)
    links.set('z', { cid, dagBytes: 0 })
    await expect(packFolder(links, () => {})).rejects.toThrow('would have 16385 links, more than the limit of 16384')
  })
})

describe('multihashSet', () => {
  test('tells new from known as a set does, through many growths and for any hash', () => {
    const set = multihashSet()
    const plain = new Set<string>()
    const random = seeded(9)
    for (let round = 0; round < 20_000; round++) {
      const isSha256 = random(10) > 0
      const digest = pattern(isSha256 ? 32 : 20, random(9000))
      const multihash = new Uint8Array([isSha256 ? 0x12 : 0x11, digest.length, ...digest])
      const name = Buffer.from(multihash).toString('hex')
      expect(set.add(multihash)).toBe(!plain.has(name))
      plain.add(name)
    }
  })
})
