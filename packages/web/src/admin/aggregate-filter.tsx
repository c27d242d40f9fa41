import type { Aggregates } from '@keepsake/api/aggregates.ts'
import { SelectField } from '../ui/field.tsx'
import { formatCount } from '../ui/format.ts'

/** Undefined: in any state. */
export type ChosenState = Aggregates['states'][number]['state'] | undefined

interface Props {
  states: Aggregates['states']
  chosen: ChosenState
  onChange: (state: ChosenState) => void
}

/** Which aggregates are listed, and how many there are in each state: one that failed may be older than all that the first page has. */
export function AggregateFilter({ states, chosen, onChange }: Props) {
  const all = states.reduce((sum, { aggregates }) => sum + aggregates, 0)
  const some = states.map(({ state, aggregates }) => ({ value: state as string, text: `${state} (${formatCount(aggregates)})` }))
  // The last one may have left the state that is looked at.
  const none = chosen && !states.some(({ state }) => state === chosen) ? [{ value: chosen, text: `${chosen} (0)` }] : []
  return (
    <div className="aggregate-filter">
      <SelectField
        label="State"
        choices={[{ value: '', text: `in any state (${formatCount(all)})` }, ...some, ...none]}
        value={chosen ?? ''}
        onChange={(event) => onChange((event.target.value || undefined) as ChosenState)}
      />
    </div>
  )
}
