import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Block } from '@keepsake/content/block.ts'
import { encodeCarHeader, encodeSectionPrefix } from '@keepsake/content/car/encode.ts'
import { sql } from 'kysely'
import type { CID } from 'multiformats/cid'
import type { Caller } from '../../src/accounts/authenticate.ts'
import { createUser } from '../../src/accounts/users.ts'
import { BadAggregateError } from '../../src/aggregates/bad-aggregate-error.ts'
import { buildAggregate } from '../../src/aggregates/build-aggregate.ts'
import { aggregateJobs, noteFailure } from '../../src/aggregates/jobs.ts'
import { openRecipe } from '../../src/aggregates/open-recipe.ts'
import { planAggregates } from '../../src/aggregates/plan-aggregates.ts'
import type { PackingRules } from '../../src/aggregates/rules.ts'
import { stepsHere } from '../../src/aggregates/steps.ts'
import { validateAggregate } from '../../src/aggregates/validate-aggregate.ts'
import { openLocalBlobs } from '../../src/blobs/local.ts'
import { openBlocks } from '../../src/blocks/blocks.ts'
import { parseConfig } from '../../src/config.ts'
import { dealFinder } from '../../src/deals/find-deals.ts'
import { facts } from '../../src/jobs/facts.ts'
import { migrateJobs } from '../../src/jobs/worker.ts'
import { pipeline } from '../../src/pipeline.ts'
import { receiveCar } from '../../src/uploads/receive-car.ts'
import { receiveFile } from '../../src/uploads/receive-file.ts'
import type { Received } from '../../src/uploads/received.ts'
import { uploadRecorder } from '../../src/uploads/record.ts'
import { deleteUpload } from '../../src/uploads/uploads.ts'
import { createTestDatabase } from '../setup/database.ts'

export interface AggregateRow {
  id: number
  state: string
  items: number
  reason: string | null
  closedBecause: string | null
  root: Uint8Array | null
  sizeBytes: number
  pieceRoot: Uint8Array | null
}

/** Rules for tests: everything is due at once, and aggregates are small. */
export const atOnce: PackingRules = {
  layout: 'unixfs-2021',
  targetBytes: 1_000_000,
  minBytes: 0,
  settleMs: -1000,
  forceMs: 0,
  maxItems: 100_000,
  maxBlocks: 1_000_000,
}

/** A database, a blob store and everything that packs uploads, without a worker: a test runs the steps itself. */
export async function openKeeper() {
  const test = await createTestDatabase()
  await migrateJobs(test.database)
  const folder = await mkdtemp(join(tmpdir(), 'keepsake-aggregates-'))
  const blobs = await openLocalBlobs({ directory: folder })
  const user = await createUser(test, { email: 'a@example.com' })
  const caller: Caller = { ...user, keyId: null, label: 'test', scope: 'all' }
  const warnings: Record<string, unknown>[] = []
  const log = {
    debug() {},
    info() {},
    warn: (about: object) => void warnings.push(about as Record<string, unknown>),
    error: (about: object) => void warnings.push(about as Record<string, unknown>),
  }
  const components = {
    database: test.database,
    blobs,
    facts: facts(pipeline),
    log,
    findDeals: dealFinder({ database: test.database, isFollowed: true }),
  }
  const blocks = openBlocks(components)
  const record = uploadRecorder({ ...components, blocks })

  async function store(receive: (context: Parameters<typeof receiveFile>[1]) => Promise<Received>, name: string) {
    await using staged = await blobs.stage()
    const received = await receive({ staged, signal: new AbortController().signal })
    await record({ caller, received, staged, mimeType: '', name })
    return { cid: received.content.cid, shard: received.content.shard.cid }
  }

  const rowsOf = async (where = sql`true`): Promise<AggregateRow[]> => {
    const { rows } = await sql<AggregateRow>`
      select id, state, items, reason, closed_because as "closedBecause", root, size_bytes as "sizeBytes", piece_root as "pieceRoot"
      from aggregate where ${where} order by id`.execute(test.database.kysely)
    return rows
  }
  return {
    ...components,
    blocks,
    databaseUrl: test.url,
    warnings,
    folder,
    storeFile: (bytes: Uint8Array | string) =>
      store(
        (context) =>
          receiveFile(
            (async function* () {
              yield Buffer.from(bytes)
            })(),
            context,
          ),
        'file',
      ),
    storeCar: (bytes: Uint8Array) =>
      store(
        (context) =>
          receiveCar(
            (async function* () {
              yield bytes
            })(),
            { ...context, maxBlockBytes: 2 * 1024 * 1024 },
          ),
        'car',
      ),
    remove: (cid: CID) => deleteUpload(test, caller.userId, cid.toString()),
    plan: (rules: Partial<PackingRules> = {}) => planAggregates({ ...components, rules: { ...atOnce, ...rules } }),
    build: (aggregateId: number, over: Partial<typeof components> = {}) =>
      buildAggregate({ ...components, ...over }, { aggregateId }),
    validate: (aggregateId: number, over: Partial<typeof components> = {}, options: { again?: boolean } = {}) =>
      validateAggregate({ ...components, ...over }, { aggregateId }, options),
    fail: (aggregateId: number, { message }: Error) => noteFailure(components, aggregateId, new BadAggregateError(message)),
    retry: (aggregateId: number) =>
      sql`update aggregate set state = 'building' where id = ${aggregateId} and state = 'failed'`.execute(test.database.kysely),
    jobs: (over: Partial<typeof components> = {}) =>
      aggregateJobs({
        ...components,
        ...over,
        aggregateSteps: stepsHere({ ...components, ...over }),
        config: parseConfig({ AGGREGATE_SETTLE_SECONDS: '0', AGGREGATE_FORCE_SECONDS: '0' }),
      }),
    rows: rowsOf,
    async bytesOf({ id, sizeBytes }: { id: number; sizeBytes: number }): Promise<Buffer> {
      const chunks: Uint8Array[] = []
      for await (const chunk of openRecipe(components, { id, sizeBytes }).stream(0, sizeBytes)) chunks.push(chunk)
      return Buffer.concat(chunks)
    },
    packingOf: async (cid: CID): Promise<string | undefined> =>
      (await sql<{ packing: string }>`select packing from content where cid = ${cid.toV1().bytes}`.execute(test.database.kysely))
        .rows[0]?.packing,
    async close() {
      await blobs.close()
      await test.drop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

export type Keeper = Awaited<ReturnType<typeof openKeeper>>

/** Plans, builds and validates everything that is due, as the jobs would. */
export async function packAll(keeper: Keeper, rules: Partial<PackingRules> = {}): Promise<AggregateRow[]> {
  await keeper.plan(rules)
  for (const { id } of await keeper.rows(sql`state = 'building'`)) await keeper.build(id)
  for (const { id } of await keeper.rows(sql`state = 'validating'`)) await keeper.validate(id)
  return await keeper.rows()
}

export function carOf(root: CID, blocks: readonly Block[]): Uint8Array {
  return Buffer.concat([
    encodeCarHeader([root]),
    ...blocks.flatMap(({ cid, bytes }) => [encodeSectionPrefix(cid, bytes.length), bytes]),
  ])
}

export function pathOf(keeper: Pick<Keeper, 'folder'>, shard: CID): string {
  const key = shard.toString()
  return join(keeper.folder, key.slice(-3, -1), `${key}.car`)
}

/** Changes one byte of a shard's file; the last one is in a block. */
export async function damage(keeper: Pick<Keeper, 'folder'>, shard: CID, at = -1): Promise<void> {
  const bytes = await readFile(pathOf(keeper, shard))
  const index = at < 0 ? bytes.length + at : at
  bytes[index] = (bytes[index] ?? 0) ^ 1
  await writeFile(pathOf(keeper, shard), bytes)
}
