import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import type { History, RunRecord } from '../src/dealflow/run-record.ts'
import { stageNames } from '../src/dealflow/stages.ts'
import { createWorld, type World } from './setup/world.ts'

let world: World
afterEach(() => world?.end())

const soon = { AGGREGATE_PROFILE: 'trial', AGGREGATE_SETTLE_SECONDS: '0', AGGREGATE_FORCE_SECONDS: '0' }

test('keepsake dealflow goes the whole way to a proven deal, and keeps what it measured run after run', {
  timeout: 300_000,
}, async () => {
  world = await createWorld({ ...soon, FILECOIN_RPC: 'devnet' })
  const cwd = await world.directory()
  const { code, stdout, stderr } = await world.run(['dealflow', '--replicas', '2', '--timeout', '240', '--out', 'flow'], { cwd })
  expect(stderr).toBe('')
  expect(code).toBe(0)
  for (const stage of stageNames) expect(stdout).toContain(`✓ ${stage}`)
  expect(stdout).toContain('devnet: simulated storage providers on this machine')
  const { runs } = JSON.parse(await readFile(join(cwd, 'flow/dealflow.json'), 'utf8')) as History
  expect(runs).toHaveLength(1)
  const [run] = runs as [RunRecord]
  expect(run).toMatchObject({ outcome: 'done', isDevnet: true, replicas: 2 })
  expect(run.stages.map(({ stage }) => stage)).toEqual(stageNames)
  expect(run.timeToDealMs).toBe(run.stages.find(({ stage }) => stage === 'activate')?.atMs)
  expect(run.commands.map(({ line, exitCode }) => [line.split(' ')[1], exitCode])).toEqual([
    ['store', 0],
    ['get', 0],
    ['extract', 0],
    ['verify', 0],
  ])
  // Not from this server, which has it too: from a storage provider.
  expect(run.retrievedFrom).toMatch(/^f0100[0-2]$/)
  const [, get, , verify] = run.commands.map(({ line }) => /127\.0\.0\.1:\d+/.exec(line)?.[0])
  expect(get).toBeTruthy()
  expect(get).toBe(verify)
  expect(run.endpoint).not.toContain(get)
  expect(JSON.stringify(runs)).not.toContain(world.key)
  const page = await readFile(join(cwd, 'flow/dealflow.html'), 'utf8')
  for (const stage of stageNames) expect(page).toContain(stage)
  expect(page).not.toMatch(/<script|src=|https?:\/\/(?!127\.0\.0\.1|localhost)/)
})

test('a run that does not go the whole way ends with 1, says where and why, and is kept beside the others', {
  timeout: 120_000,
}, async () => {
  world = await createWorld(soon)
  const cwd = await world.directory()
  await writeFile(join(cwd, 'note.txt'), 'no provider will ever ask for this')
  const args = ['dealflow', '--file', 'note.txt', '--timeout', '4', '--out', 'flow', '--json']
  for (const runs of [1, 2]) {
    const { code, stdout, stderr } = await world.run(args, { cwd })
    expect(code).toBe(1)
    expect(stderr).toContain('1 of 1 runs did not go the whole way.')
    const [run] = JSON.parse(stdout) as [RunRecord]
    expect(run).toMatchObject({ outcome: 'failed', isDevnet: false, timeToDealMs: null })
    expect(run.stages.at(-1)).toMatchObject({ outcome: 'failed', reason: 'Not within the 4 seconds of a run.' })
    expect((JSON.parse(await readFile(join(cwd, 'flow/dealflow.json'), 'utf8')) as History).runs).toHaveLength(runs)
  }
  expect(await readFile(join(cwd, 'flow/dealflow.html'), 'utf8')).toContain('failed at')
  await writeFile(join(cwd, 'flow/dealflow.json'), 'something else')
  expect(await world.run(args, { cwd })).toMatchObject({ code: 1, stderr: expect.stringContaining('is no record of deal flows') })
})
