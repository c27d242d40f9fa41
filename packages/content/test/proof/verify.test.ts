import type { CID } from 'multiformats/cid'
import { describe, expect, test } from 'vitest'
import { ContentError } from '../../src/errors.ts'
import { hashPairsPortable } from '../../src/piece/portable-pairs.ts'
import type { ProofDocument, ProofRun } from '../../src/proof/document.ts'
import { parseProof, sealProof } from '../../src/proof/parse.ts'
import type { ProofReport } from '../../src/proof/report.ts'
import { verifyProof } from '../../src/proof/verify.ts'
import { packDirectory } from '../../src/unixfs/directory.ts'
import { packFile } from '../../src/unixfs/file.ts'
import { collect, inPieces, pattern } from '../oracle.ts'
import type { MemoryBlocks } from '../read/fixtures.ts'
import { aggregateOf, type PackedDag } from './fixtures.ts'

async function file(length: number, seed: number): Promise<PackedDag> {
  return await collect(packFile(inPieces(pattern(length, seed), () => 100_000)))
}

async function files(...lengths: number[]): Promise<PackedDag[]> {
  return await Promise.all(lengths.map((length, index) => file(length, index + 1)))
}

async function verify(document: ProofDocument, blocks: MemoryBlocks): Promise<ProofReport> {
  return await verifyProof(await parseProof(JSON.stringify(document)), {
    read: (cid) => blocks.get(cid),
    hashPairs: hashPairsPortable,
  })
}

function outcomes({ statements }: ProofReport): string[] {
  return statements.map(({ check, outcome }) => `${check} ${outcome}`)
}

const layouts = ['unixfs-2021', 'segments'] as const

describe.each(layouts)('a proof over the layout %s', (layout) => {
  test('of each of many files is verified, small, and says in words what it shows', async () => {
    const dags = await files(1000, 1, 300_000, 900_000, 0, 70_000)
    const { blocks, prove, piece } = await aggregateOf(dags, layout)
    for (const dag of dags) {
      const document = await prove(dag)
      const report = await verify(document, blocks)
      expect(report.outcome, JSON.stringify(report, null, 2)).toBe('verified')
      expect(outcomes(report)).toEqual([
        'blocks checked',
        'piece checked',
        ...(layout === 'segments' ? ['inclusion checked'] : ['header checked', 'directory checked']),
        'shard beyond',
        'deals beyond',
        'proving beyond',
      ])
      expect(JSON.stringify(document).length).toBeLessThan(10_000)
      expect(document.places[0]!.piece.paddedBytes).toBe(32 * 2 ** piece.height)
    }
  })

  test('holds for no change of any letter of it', async () => {
    const dags = await files(500, 260_000, 700)
    const { blocks, prove } = await aggregateOf(dags, layout)
    const text = JSON.stringify(await prove(dags[2]!))
    for (let at = 0; at < text.length; at++) {
      const flipped = text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ 1) + text.slice(at + 1)
      await expect(
        parseProof(flipped).then((document) => verifyProof(document, { read: (cid) => blocks.get(cid) })),
        `letter ${at}`,
      ).rejects.toMatchObject({ name: 'ContentError' })
    }
  }, 60_000)

  test('holds for no change of any byte of its proof data, also where the checksum was made to fit', async () => {
    const dags = await files(500, 260_000, 700)
    const { blocks, prove } = await aggregateOf(dags, layout)
    const document = await prove(dags[2]!)
    const paths = base64Fields(document.places[0], [])
    expect(paths.length).toBeGreaterThan(10)
    for (const path of paths) {
      const bytes = Buffer.from(
        path.reduce((value, key) => (value as Record<string, unknown>)[key], document.places[0] as unknown) as string,
        'base64',
      )
      for (let at = 0; at < bytes.length; at++) {
        const forged = structuredClone(document)
        const changed = Buffer.from(bytes)
        changed[at]! ^= 1
        setAt(forged.places[0], path, changed.toString('base64'))
        const report = await verify(await sealProof(forged), blocks)
        expect(report.outcome, `${path.join('.')} byte ${at}`).toBe('failed')
      }
    }
  }, 60_000)

  test('is not verified for other claims than those it was made for', async () => {
    const dags = await files(500, 800_000, 700)
    const { blocks, prove } = await aggregateOf(dags, layout)
    const document = await prove(dags[1]!)
    const other = await prove(dags[2]!)
    const place = document.places[0]!
    const changes: Partial<ProofDocument>[] = [
      { root: other.root },
      { dag: { ...document.dag, blocks: document.dag.blocks + 1 } },
      { dag: { ...document.dag, blocks: document.dag.blocks - 1 } },
      { dag: { ...document.dag, bytes: document.dag.bytes + 1 } },
      { places: [{ ...place, aggregate: other.places[0]!.aggregate }] },
      { places: [{ ...place, piece: { ...place.piece, paddedBytes: place.piece.paddedBytes * 2 } }] },
      { places: [{ ...place, piece: { ...place.piece, cidV1: other.root } }] },
      { places: [{ ...place, piece: { ...place.piece, cid: place.piece.cidV1 } }] },
      ...[
        { offset: place.runs[0]!.offset + 1 },
        { offset: place.runs[0]!.offset + 127 },
        { length: place.runs[0]!.length - 1 },
        { length: place.runs[0]!.length + 127 },
        { length: 0 },
        { offset: Number.MAX_SAFE_INTEGER },
        { blocks: [[0, 2]] as [number, number][] },
        { blocks: [[1, 5]] as [number, number][] },
        { blocks: [[0, 1000]] as [number, number][] },
        { cidV0: [[0, 1]] as [number, number][] },
        { path: place.runs[0]!.path.slice(1) },
        { path: [...place.runs[0]!.path, place.runs[0]!.path[0]!] },
        { path: [] },
      ].map((change) => ({ places: [{ ...place, runs: [{ ...place.runs[0]!, ...change }] }] })),
    ]
    for (const change of changes) {
      const forged = await sealProof({ ...document, ...change })
      const report = await verify(forged, blocks)
      expect(report.outcome, JSON.stringify(change).slice(0, 300)).not.toBe('verified')
    }
    expect((await verify(document, blocks)).outcome).toBe('verified')
  })

  test('is failed by a block that is not what its CID says, and left incomplete by one that cannot be had', async () => {
    const dags = await files(800_000)
    const { blocks, prove } = await aggregateOf(dags, layout)
    const document = await prove(dags[0]!)
    const third = dags[0]!.blocks[2]!.cid
    const lying = await verifyProof(document, {
      read: async (cid) => (cid.equals(third) ? pattern(262_144, 99) : await blocks.get(cid)),
    })
    expect(lying.outcome).toBe('failed')
    expect(lying.statements[0]!.text).toContain(`not what its CID says: failed hash verification: ${third}`)
    const missing = await verifyProof(document, {
      read: async (cid) => {
        if (cid.equals(third)) throw new ContentError('BLOCK_NOT_FOUND', `Block ${cid} is not here.`)
        return await blocks.get(cid)
      },
    })
    expect(missing.outcome).toBe('incomplete')
    expect(missing.statements[0]!.text).toBe(`Only 3 blocks of 5 could be read: Block ${third} is not here.`)
  })
})

/** Where strings of base64 are in a place of a document. */
function base64Fields(value: unknown, path: string[]): string[][] {
  if (typeof value === 'string')
    return /^[A-Za-z0-9+/]{4,}={0,2}$/.test(value) && value.length % 4 === 0 && !value.startsWith('ba') ? [path] : []
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value)
    .filter(([key]) => !['selector', 'path', 'layout'].includes(key) || Array.isArray((value as Record<string, unknown>)[key]))
    .flatMap(([key, child]) => base64Fields(child, [...path, key]))
}

function setAt(value: unknown, path: readonly string[], to: string): void {
  const parent = path.slice(0, -1).reduce((at, key) => (at as Record<string, unknown>)[key], value) as Record<string, unknown>
  parent[path.at(-1)!] = to
}

describe('verifyProof', () => {
  test('finds blocks that were in the piece before the content', async () => {
    const [first, second, third] = (await files(600_000, 270_000, 30_000)) as [PackedDag, PackedDag, PackedDag]
    const directory = await collect(
      packDirectory([
        { name: 'a', ...first.result },
        { name: 'b', ...second.result },
        { name: 'c', ...third.result },
      ]),
    )
    const whole = { result: directory.result, blocks: [...first.blocks, ...second.blocks, ...third.blocks, ...directory.blocks] }
    const { blocks, prove } = await aggregateOf([first, second, third, whole], 'unixfs-2021')
    for (const dag of [whole, first, second, third]) {
      const document = await prove(dag)
      expect((await verify(document, blocks)).outcome).toBe('verified')
    }
    const nowhere = await prove(whole, (place) => ({ ...place, start: undefined, locate: async () => new Map() }))
    const report = await verify(nowhere, blocks)
    expect(report.outcome).toBe('incomplete')
    expect(report.statements[1]!.text).toContain('Only 0 blocks of 9 were shown to lie in piece')
  })

  test('proves sections that spell CIDs in version 0', async () => {
    const dags = await files(800_000, 100)
    const { blocks, prove } = await aggregateOf(dags, 'unixfs-2021', true)
    const document = await prove(dags[0]!)
    expect(document.places[0]!.runs[0]!.cidV0).toEqual([[0, 1]])
    expect((await verify(document, blocks)).outcome).toBe('verified')
  })

  test('proves the first blocks of a DAG of many, and says so', async () => {
    const parts = Array.from({ length: 1100 }, (_, index) => pattern(40, index))
    const entries = await Promise.all(
      parts.map(async (bytes, index) => ({ index, packed: await collect(packFile(inPieces(bytes, () => 40))) })),
    )
    const directory = await collect(packDirectory(entries.map(({ index, packed }) => ({ name: `${index}`, ...packed.result }))))
    const whole = { result: directory.result, blocks: [...entries.flatMap(({ packed }) => packed.blocks), ...directory.blocks] }
    const { blocks, prove } = await aggregateOf([whole], 'unixfs-2021')
    const document = await prove(whole)
    const report = await verify(document, blocks)
    expect(report.outcome).toBe('incomplete')
    expect(report.statements[0]!.text).toMatch(
      /^The first 1,024 blocks of 1,[0-9]{3} were read, and each hashes to its CID\. A proof speaks of no more/,
    )
    expect(report.statements[1]!.text).toContain('Only 1,024 blocks of')
    expect(JSON.stringify(document).length).toBeLessThan(10_000)
  })

  test('stops when told to', async () => {
    const dags = await files(100)
    const { blocks, prove } = await aggregateOf(dags, 'segments')
    const stopped = verifyProof(await prove(dags[0]!), { read: (cid: CID) => blocks.get(cid), signal: AbortSignal.abort() })
    await expect(stopped).rejects.toThrow('abort')
  })
})

describe('parseProof', () => {
  test.each<[string, (document: ProofDocument) => unknown, string]>([
    ['a later version', (document) => ({ ...document, version: 2 }), 'is of version 2; only version 1'],
    ['another document', () => ({ name: 'Token' }), 'not a proof of Keepsake'],
    ['a list', () => [], 'not a proof'],
    ['null', () => null, 'not a proof'],
    ['an unknown key', (document) => ({ ...document, note: 'x' }), 'proof.note has to be left out'],
    ['no places', ({ places: _, ...rest }) => rest, 'proof.places has to be a list'],
    ['too many places', (document) => ({ ...document, places: Array(65).fill(document.places[0]) }), 'at most 64'],
    [
      'a CID of version 0',
      (document) => ({ ...document, root: 'QmQy6xmJhrcC5QLboAcGFcAE1tC8CrwDVkrHdEYJkLscrQ' }),
      'proof.root has to be a CID of version 1',
    ],
    [
      'a CID that is padded',
      (document) => ({ ...document, root: `${document.root}=` }),
      'proof.root has to be a CID of version 1',
    ],
    ['too many runs', (document) => withRuns(document, (run) => Array(65).fill(run)), 'at most 64'],
    [
      'ranges over each other',
      (document) =>
        withRuns(document, (run) => [
          {
            ...run,
            blocks: [
              [0, 2],
              [1, 3],
            ],
          },
        ]),
      'ranges in order',
    ],
    ['an empty range', (document) => withRuns(document, (run) => [{ ...run, blocks: [[2, 2]] }]), 'the second larger'],
    [
      'more blocks than it may speak of',
      (document) => withRuns(document, (run) => [{ ...run, blocks: [[0, 1025]] }]),
      'the first 1024 blocks',
    ],
    ['a negative offset', (document) => withRuns(document, (run) => [{ ...run, offset: -1 }]), 'a number from 0 on'],
    ['a node that is too short', (document) => withRuns(document, (run) => [{ ...run, path: ['AAAA'] }]), 'base64 of 32 bytes'],
    [
      'base64 spelled in another way',
      (document) => withRuns(document, (run) => [{ ...run, path: [`${'A'.repeat(42)}B=`] }]),
      'base64 of 32 bytes',
    ],
  ])('refuses %s', async (_, change, message) => {
    const { prove } = await aggregateOf(await files(100), 'unixfs-2021')
    const document = await prove((await files(100))[0]!)
    await expect(parseProof(JSON.stringify(change(document)))).rejects.toThrow(message)
  })

  test('refuses what is too long or nested too deeply to be a proof', async () => {
    await expect(parseProof(' '.repeat(600_000))).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' })
    await expect(parseProof('['.repeat(500_000))).rejects.toMatchObject({ code: 'INVALID_PROOF' })
    await expect(parseProof('')).rejects.toThrow('not JSON')
  })
})

function withRuns(document: ProofDocument, runs: (run: ProofRun) => unknown[]): unknown {
  const [place] = document.places
  return { ...document, places: [{ ...place, runs: runs(place!.runs[0]!) }] }
}
