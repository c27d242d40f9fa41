import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { goProgram } from '../setup/go-programs.ts'
import { startKubo } from '../setup/kubo.ts'
import type { ServerWithPeer } from '../setup/peer.ts'
import { startServerWithPeer } from '../setup/peer.ts'
import { checkout } from '../setup/server.ts'
import { startsServers } from '../setup/shared.ts'

const program = await goProgram('kubo')

describe.skipIf(!startsServers)('the page on pins by CID', () => {
  let server: ServerWithPeer
  let key: string
  let text: string
  beforeAll(async () => {
    server = await startServerWithPeer()
    key = await server.createKey({ scope: 'pins' })
    text = (await readFile(join(checkout, 'docs/pinning.md'), 'utf8')).replaceAll('http://localhost:8787', server.url)
  })
  afterAll(() => server?.stop())
  const examples = (language: string) =>
    [...text.matchAll(new RegExp(`^\`\`\`${language}\n([\\s\\S]*?)^\`\`\`$`, 'gm'))].map(([, code = '']) => code)

  it('has examples for a shell that work, one after the other', async () => {
    const env = { PATH: process.env.PATH ?? '', HOME: '/nonexistent', KEEPSAKE_ENDPOINT: server.url, KEEPSAKE_KEY: key, KEY: key }
    const outputs: string[] = []
    for (const code of examples('sh'))
      outputs.push((await promisify(execFile)('sh', ['-e', '-c', code], { cwd: checkout, env })).stdout)
    expect(outputs).toHaveLength(3)
    const [commands, added, listed] = outputs as [string, string, string]
    expect(commands.match(/[0-9a-f-]{36}/g)?.length).toBeGreaterThanOrEqual(2)
    const { requestid } = JSON.parse(added) as { requestid: string }
    expect(JSON.parse(listed)).toMatchObject({
      count: 1,
      results: [{ requestid, pin: { name: 'Art', meta: { artist: 'Ada' } } }],
    })
  })

  it.skipIf(!program)('has examples for Kubo that work', async () => {
    await using node = await startKubo(program as string)
    const body = new FormData()
    body.append('file', new Blob([randomBytes(1000)]), 'file')
    const { Hash: cid } = await node.rpcJson<{ Hash: string }>('add', { 'cid-version': '1' }, body)
    const [code = ''] = examples('ipfs')
    const outputs: string[] = []
    for (const line of code.trim().split('\n')) {
      const args = line
        .replace(/\bKEY\b/, key)
        .replace(/\bCID\b/, cid)
        .split(' ')
      expect(args.shift()).toBe('ipfs')
      outputs.push(await node.ipfs(...args))
    }
    expect(outputs[1]).toMatch(/Status:\s+pinned/)
    expect(outputs[2]).toContain(cid)
  })
})
