import type { BuildComponents, BuildOptions } from './build-aggregate.ts'
import { buildAggregate } from './build-aggregate.ts'
import { planAggregates } from './plan-aggregates.ts'
import type { PackingRules } from './rules.ts'
import type { ValidateOptions } from './validate-aggregate.ts'
import { validateAggregate } from './validate-aggregate.ts'

/** The steps that look at very much, wherever they are done. */
export interface AggregateSteps {
  /** As `planAggregates`. */
  plan(rules: PackingRules, signal?: AbortSignal): Promise<void>
  /** As `buildAggregate`. */
  build(about: { aggregateId: number }, options?: BuildOptions): Promise<void>
  /** As `validateAggregate`. */
  validate(about: { aggregateId: number }, options?: ValidateOptions): Promise<boolean>
}

/** Does the steps on this thread. */
export function stepsHere(components: BuildComponents): AggregateSteps {
  return {
    plan: (rules, signal) => planAggregates({ ...components, rules }, signal),
    build: (about, options) => buildAggregate(components, about, options),
    validate: (about, options) => validateAggregate(components, about, options),
  }
}
