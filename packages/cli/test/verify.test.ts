import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { encodeCarHeader, encodeSectionPrefix } from '@keepsake/content/car/encode.ts'
import type { ProofDocument } from '@keepsake/content/proof/document.ts'
import { sealProof } from '@keepsake/content/proof/parse.ts'
import { CID } from 'multiformats/cid'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { serve } from './setup/http.ts'
import type { Ran } from './setup/processes.ts'
import type { World } from './setup/world.ts'
import { createWorld } from './setup/world.ts'

const carType = 'application/vnd.ipld.car; version=1; order=dfs; dups=y'

let world: World
let cwd: string
let small: string
let folder: string

beforeAll(async () => {
  world = await createWorld({ AGGREGATE_PROFILE: 'trial', AGGREGATE_SETTLE_SECONDS: '0', AGGREGATE_FORCE_SECONDS: '0' })
  cwd = await world.directory()
  await writeFile(join(cwd, 'art.txt'), 'a painting')
  await mkdir(join(cwd, 'collection'))
  for (let index = 0; index < 3; index++) await writeFile(join(cwd, 'collection', `${index}.bin`), Buffer.alloc(400_000, index))
  small = (await run(['store', 'art.txt'])).stdout.trim()
  folder = (await run(['store', 'collection'])).stdout.trim()
  await Promise.all([small, folder].map(proofOf))
})

afterAll(() => world?.end())

function run(args: readonly string[], options: { input?: string; env?: Record<string, string> } = {}): Promise<Ran> {
  return world.run(args, { cwd, ...options })
}

/** The proof the server has, as soon as the content has been packed. */
async function proofOf(cid: string): Promise<ProofDocument> {
  for (let attempt = 0; ; attempt++) {
    const response = await fetch(`${world.server.endpoint}/api/proof/${cid}`)
    if (response.ok) return (await response.json()) as ProofDocument
    const { error } = (await response.json()) as { error: { message: string } }
    if (attempt === 150) throw new Error(error.message)
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

describe('keepsake verify', () => {
  test('says of a CID in words what was checked and what was not', async () => {
    const { code, stdout, stderr } = await run(['verify', small])
    expect(stderr).toBe('')
    expect(code).toBe(0)
    expect(stdout).toContain(`${small}: verified\n`)
    expect(stdout).toMatch(/✓ The only block of \S+ \(10 bytes\) was read and hashes to what the CID says\./)
    expect(stdout).toMatch(
      /✓ Their bytes lie in piece bafkzcib\S+ \(in deals: baga6ea4sea\S+\), from byte [\d,]+ on: 1 block of 1\./,
    )
    expect(stdout).toMatch(/✓ The piece begins with the header of a CAR/)
    expect(stdout).toMatch(/✓ In the directory \S+, both the path \S+ and the selector \S+ lead to/)
    expect(stdout).toContain('– Not shown: that a storage provider has the piece.')
  })

  test('checks a directory of files, from a document and from standard input, with the bytes of a gateway of its own', async () => {
    const document = JSON.stringify(await proofOf(folder))
    expect(document.length).toBeLessThan(10_000)
    await writeFile(join(cwd, 'proof.json'), document)
    const nowhere = { KEEPSAKE_ENDPOINT: 'http://127.0.0.1:1' }
    const gateway = ['--gateway', world.server.endpoint]
    const fromFile = await run(['verify', 'proof.json', ...gateway, '--json'], { env: nowhere })
    expect(JSON.parse(fromFile.stdout)).toMatchObject({ root: folder, outcome: 'verified' })
    expect(fromFile.code).toBe(0)
    const piped = await run(['verify', '-', ...gateway], { input: document, env: nowhere })
    expect(piped).toMatchObject({ code: 0, stdout: expect.stringContaining('All 10 blocks of') })
  })

  test('fails a document that was forged, by its own measure and by that of the bytes', async () => {
    const document = await proofOf(small)
    const [place] = document.places
    const moved = { ...place!, runs: [{ ...place!.runs[0]!, offset: place!.runs[0]!.offset + 127 }] }
    const forged = await sealProof({ ...document, places: [moved] })
    const told = await run(['verify', '-'], { input: JSON.stringify(forged) })
    expect(told).toMatchObject({ code: 1, stderr: 'keepsake: What the proof claims is not true (✗).\n' })
    expect(told.stdout).toContain('✗ The bytes were not shown to lie in piece')
    const damaged = await run(['verify', '-'], { input: JSON.stringify(document).replace('"bytes":10', '"bytes":11') })
    expect(damaged).toMatchObject({ code: 1, stdout: '', stderr: 'keepsake: The proof is damaged: its checksum is another.\n' })
    const later = await run(['verify', '-'], { input: JSON.stringify({ ...document, version: 2 }) })
    expect(later.stderr).toContain('is of version 2; only version 1 can be checked here')
  })

  test('fails a gateway that delivers other bytes, and cannot tell without one', async () => {
    const document = JSON.stringify(await proofOf(small))
    await writeFile(join(cwd, 'small.json'), document)
    const cid = CID.parse(small)
    const car = Buffer.concat([encodeCarHeader([cid]), encodeSectionPrefix(cid, 10), Buffer.from('a forgery!')])
    await using lying = await serve((_request, response) => response.setHeader('content-type', carType).end(car))
    const lied = await run(['verify', 'small.json', '--gateway', lying.endpoint])
    expect(lied).toMatchObject({ code: 1, stdout: expect.stringContaining('✗ A block is not what its CID says') })
    await using plain = await serve((request, response) => {
      const isCar = request.url?.includes('format=car') ?? false
      response.writeHead(isCar ? 406 : 200).end(isCar ? 'no CARs here' : 'a painting')
    })
    const withoutCars = await run(['verify', 'small.json', '--gateway', plain.endpoint])
    expect(withoutCars.stdout).toContain('✓ The only block of')
    await using endless = await serve((request, response) => {
      if (request.url?.includes('format=car')) return void response.writeHead(406).end('no CARs here')
      response.on('error', () => {})
      const more = (): unknown => response.writable && response.write(Buffer.alloc(1024 * 1024), more)
      more()
    })
    const flooded = await run(['verify', 'small.json', '--gateway', endless.endpoint])
    expect(flooded).toMatchObject({ code: 2, stdout: expect.stringContaining('answers more than 4194304 bytes for block') })
    const unreachable = await run(['verify', 'small.json', '--gateway', 'http://127.0.0.1:1'])
    expect(unreachable).toMatchObject({ code: 2, stdout: expect.stringContaining('! Only 0 blocks of 1 could be read') })
    expect(unreachable.stderr).toBe('keepsake: Not all that the proof claims could be checked (!).\n')
  })

  test('says why there is no proof, and what it cannot read', async () => {
    const unknown = 'bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku'
    expect(await run(['verify', unknown])).toMatchObject({ code: 2, stderr: `keepsake: ${unknown} is not stored here.\n` })
    expect(await run(['verify', 'absent.json'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('there is no such file'),
    })
    expect(await run(['verify', '-'], { input: 'x'.repeat(600_000) })).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('A proof may have'),
    })
    expect(await run(['verify'])).toMatchObject({ code: 2 })
  })
})
