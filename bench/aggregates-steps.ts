// Run by `bench aggregates` as a process of its own, so that its memory is that of the steps: plans, builds and validates everything that waits in
// DATA_DIR, and prints the milliseconds of each step as JSON.
import pino from 'pino'
import { packingRules } from '../packages/server/src/aggregates/rules.ts'
import { parseConfig } from '../packages/server/src/config.ts'
import { openService } from '../packages/server/src/service.ts'

const config = parseConfig(process.env)
await using service = await openService({ config, log: pino({ level: 'error' }, pino.destination(2)), mode: 'beside' })
const rules = packingRules(config)
if (!rules) throw new Error('AGGREGATE_PROFILE is off.')
const idsIn = async (state: 'building' | 'validating') =>
  (await service.database.kysely.selectFrom('aggregate').select('id').where('state', '=', state).execute()).map(({ id }) => id)
const timed = async (work: () => Promise<unknown>) => {
  const startedAt = performance.now()
  await work()
  return performance.now() - startedAt
}
process.stdout.write('ready\n')

const planMs = await timed(() => service.aggregateSteps.plan(rules))
process.stdout.write('planned\n')
const buildMs = await timed(async () => {
  for (const aggregateId of await idsIn('building')) await service.aggregateSteps.build({ aggregateId })
})
const validateMs = await timed(async () => {
  for (const aggregateId of await idsIn('validating')) await service.aggregateSteps.validate({ aggregateId })
})
const built = await service.database.kysely.selectFrom('aggregate').selectAll().where('state', '=', 'built').execute()
const items = built.reduce((sum, aggregate) => sum + aggregate.items, 0)
const bytes = built.reduce((sum, aggregate) => sum + (aggregate.size_bytes ?? 0), 0)
process.stdout.write(`${JSON.stringify({ planMs, buildMs, validateMs, aggregates: built.length, items, bytes })}\n`)
