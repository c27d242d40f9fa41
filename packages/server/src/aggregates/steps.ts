import type { BuildComponents } from './build-aggregate.ts'
import { buildAggregate } from './build-aggregate.ts'
import type { ValidateOptions } from './validate-aggregate.ts'
import { validateAggregate } from './validate-aggregate.ts'

/** The two steps that read all of an aggregate, wherever they are done. */
export interface AggregateSteps {
  /** As `buildAggregate`. */
  build(about: { aggregateId: number }, signal?: AbortSignal): Promise<void>
  /** As `validateAggregate`. */
  validate(about: { aggregateId: number }, options?: ValidateOptions): Promise<boolean>
}

/** Does the steps on this thread. */
export function stepsHere(components: BuildComponents): AggregateSteps {
  return {
    build: (about, signal) => buildAggregate(components, about, signal),
    validate: (about, options) => validateAggregate(components, about, options),
  }
}
