import { execFile } from 'node:child_process'
import { createReadStream } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { promisify } from 'node:util'
import { CarReader } from '@ipld/car'
import { base36 } from 'multiformats/bases/base36'
import { base58btc } from 'multiformats/bases/base58'
import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import { car } from './cars.ts'

const run = promisify(execFile)
const timeoutMs = 5 * 60_000

/** What the suite wants to find on a gateway. */
export interface Fixtures {
  /** All blocks, as one CAR whose root is one of them. */
  car: Uint8Array<ArrayBuffer>
  /** `domain=/ipfs/…` */
  dnsLinks: string[]
  /** By name, in base36. */
  records: ReadonlyMap<string, Uint8Array>
}

/** Has the suite write its fixtures into a folder, and reads them. */
export async function extractFixtures(program: string, folder: string): Promise<Fixtures> {
  await run(program, ['extract-fixtures', '--merged=true', '--directory', folder], { timeout: timeoutMs })
  const reader = await CarReader.fromBytes(await readFile(join(folder, 'fixtures.car')))
  const blocks: { cid: CID; bytes: Uint8Array }[] = []
  for await (const { cid, bytes } of reader.blocks()) blocks.push({ cid: CID.decode(cid.bytes), bytes })
  // A root without links, so that nothing is missing.
  const root = blocks.find(({ cid }) => cid.code === 0x55)
  if (!root) throw new Error('There is no raw block among the fixtures.')
  const { domains } = JSON.parse(await readFile(join(folder, 'dnslinks.json'), 'utf8')) as { domains: Record<string, string> }
  const records = new Map<string, Uint8Array>()
  for (const file of await readdir(folder)) {
    if (file.endsWith('.ipns-record')) records.set(nameOf(file), await readFile(join(folder, file)))
  }
  return {
    car: car([root.cid], blocks),
    dnsLinks: Object.entries(domains).map(([domain, path]) => `${domain}=${path}`),
    records,
  }
}

/** Their files begin with the name, as a peer id or a CID. */
function nameOf(file: string): string {
  const [text = ''] = file.split('_')
  const cid = text.startsWith('k') ? CID.parse(text, base36) : CID.createV1(0x72, Digest.decode(base58btc.baseDecode(text)))
  return cid.toString(base36)
}

export interface RecordRouter extends AsyncDisposable {
  url: string
}

/** A router that has records of names and nothing else (Delegated Routing V1, "IPNS API"). It checks none of them. */
export async function startRecordRouter(records: ReadonlyMap<string, Uint8Array>): Promise<RecordRouter> {
  const server = createServer((request, response) => {
    const name = /^\/routing\/v1\/ipns\/([^/?]+)/.exec(request.url ?? '')?.[1]
    const record = name === undefined ? undefined : records.get(name)
    if (!record) response.writeHead(404).end()
    else response.writeHead(200, { 'content-type': 'application/vnd.ipfs.ipns-record' }).end(record)
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((done) => server.close(done))
    },
  }
}

/** What came of single checks, by name; only those that have no checks inside them. */
export interface Outcome {
  passed: string[]
  failed: string[]
  /** What the suite says of a check that failed. */
  said: ReadonlyMap<string, string>
}

/** Runs the suite against a gateway; `subdomainUrl` only says what the `Host` header is to be. */
export async function runConformance(
  program: string,
  {
    gatewayUrl,
    subdomainUrl,
    folder,
    args = [],
  }: { gatewayUrl: string; subdomainUrl: string; folder: string; args?: readonly string[] },
): Promise<Outcome> {
  const report = join(folder, 'report.json')
  const command = [
    'test',
    '--gateway-url',
    gatewayUrl,
    '--subdomain-url',
    subdomainUrl,
    '--json',
    report,
    '--',
    '-timeout',
    '5m',
    ...args,
  ]
  // It ends with an error where a check fails; the report says which.
  await run(program, command, { timeout: timeoutMs, maxBuffer: 256 * 1024 * 1024 }).catch(() => undefined)
  const results = new Map<string, string>()
  const said = new Map<string, string>()
  for await (const line of createInterface({ input: createReadStream(report) })) {
    const { Action, Test, Output } = JSON.parse(line) as { Action: string; Test?: string; Output?: string }
    if (Test === undefined) continue
    if (Action === 'pass' || Action === 'fail') results.set(Test, Action)
    if (Output !== undefined) said.set(Test, (said.get(Test) ?? '') + Output)
  }
  const names = [...results.keys()].sort()
  const leaves = names.filter((name, index) => !names[index + 1]?.startsWith(`${name}/`))
  return {
    passed: leaves.filter((name) => results.get(name) === 'pass'),
    failed: leaves.filter((name) => results.get(name) === 'fail'),
    said,
  }
}
