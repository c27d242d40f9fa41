import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { World } from './setup/world.ts'
import { createWorld } from './setup/world.ts'

let world: World
let cwd: string
let cid: string
/** Nobody has it, and this server runs no peer to look. */
const lost = 'bafkreidvbhs33ighmljlvr7zbv2ywwzcmp5adtf4kqvlly67cy56bdtmve'

beforeAll(async () => {
  world = await createWorld()
  cwd = await world.directory()
  await writeFile(join(cwd, 'art.txt'), 'art\n')
  cid = (await world.run(['store', 'art.txt'], { cwd })).stdout.trim()
})

afterAll(() => world?.end())

const pin = (...args: string[]) => world.run(['pin', ...args], { cwd })

test('pins what is here at once, and prints the number of the request', async () => {
  const { code, stdout } = await pin('add', cid, '--name', 'Art', '--meta', 'artist=Ada')
  expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringMatching(/^[0-9a-f-]{36}\n$/) })
  const [listed] = JSON.parse((await pin('ls', '--name', 'art', '--json')).stdout)
  expect(listed).toMatchObject({ requestid: stdout.trim(), status: 'pinned', pin: { cid, name: 'Art', meta: { artist: 'Ada' } } })
})

test('does not wait where that is said, and lists by status', async () => {
  const { code, stdout } = await pin('add', lost, '--no-wait', '--origin', '/ip4/192.0.2.1/tcp/4001', '--json')
  expect(code).toBe(0)
  expect(JSON.parse(stdout)).toMatchObject({ status: 'queued', pin: { origins: ['/ip4/192.0.2.1/tcp/4001'] } })
  const rows = (await pin('ls', '--status', 'queued')).stdout.trim().split('\n')
  expect(rows).toHaveLength(1)
  expect(rows[0]).toContain(`\t${lost}\t`)
  expect((await pin('ls', '--cid', cid, '--limit', '1')).stdout).toContain(cid)
})

test('ends with 1 and the reason of the server where it refuses', async () => {
  const { code, stderr } = await pin('add', lost, '--no-wait', '--origin', 'https://example.org')
  expect(code).toBe(1)
  expect(stderr).toContain('expected origins to be multiaddrs')
  expect((await pin('rm', '00000000-0000-4000-8000-000000000000', '--yes')).stderr).toContain('There is no such pin request.')
})

test('ends requests by their number and by CID, and leaves the upload alone', async () => {
  await pin('add', cid)
  const { code, stdout } = await pin('rm', cid, '--yes')
  expect(code).toBe(0)
  expect(stdout.trim().split('\n')).toHaveLength(2)
  expect((await pin('ls', '--cid', cid)).stdout).toBe('')
  expect((await world.run(['status', cid], { cwd })).code).toBe(0)
  const [left] = JSON.parse((await pin('ls', '--json')).stdout)
  expect((await pin('rm', left.requestid, '--yes')).stdout.trim()).toBe(left.requestid)
})

test.each([
  [['add', 'nonsense'], '"nonsense" is not a CID'],
  [['ls', '--status', 'lost'], 'Expected queued, pinning, pinned, failed'],
  [['rm', 'nonsense', '--yes'], '"nonsense" is not a CID'],
  [['rm', 'bafkqaaa'], 'say --yes'],
])('ends with 2 for %j', async (args, message) => {
  const { code, stderr } = await pin(...args)
  expect(code).toBe(2)
  expect(stderr).toContain(message)
})
