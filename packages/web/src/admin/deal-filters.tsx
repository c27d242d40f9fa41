import { dealStates } from '@keepsake/api/deals.ts'
import { type FormEvent, useState } from 'react'
import { Button } from '../ui/button.tsx'
import { SelectField, TextField } from '../ui/field.tsx'

/** Which deals are shown; empty texts are all. */
export interface DealFilter {
  state: string
  provider: string
  aggregate: string
}

export const emptyFilter: DealFilter = { state: '', provider: '', aggregate: '' }

export function queryOf(filter: DealFilter, before: number | undefined): URLSearchParams {
  const given = Object.entries(filter).filter(([, value]) => value !== '')
  return new URLSearchParams([...given, ...(before === undefined ? [] : [['before', String(before)]])])
}

const choices = [{ value: '', text: 'In any state' }, ...dealStates.map((state) => ({ value: state, text: state }))]

interface Props {
  filter: DealFilter
  onChange: (filter: DealFilter) => void
}

export function DealFilters({ filter, onChange }: Props) {
  const [typed, setTyped] = useState(filter)
  const submit = (event: FormEvent) => {
    event.preventDefault()
    onChange({ ...typed, provider: typed.provider.trim(), aggregate: typed.aggregate.trim() })
  }
  const clear = () => {
    setTyped(emptyFilter)
    onChange(emptyFilter)
  }
  return (
    <form className="deal-filters" onSubmit={submit}>
      <SelectField
        label="State"
        choices={choices}
        value={typed.state}
        onChange={(event) => {
          const chosen = { ...typed, state: event.target.value }
          setTyped(chosen)
          onChange(chosen)
        }}
      />
      <TextField
        label="Provider"
        placeholder="f01234"
        pattern="[ft]?0?\d+"
        maxLength={20}
        value={typed.provider}
        onChange={(event) => setTyped({ ...typed, provider: event.target.value })}
      />
      <TextField
        label="Aggregate"
        inputMode="numeric"
        pattern="\d+"
        maxLength={15}
        value={typed.aggregate}
        onChange={(event) => setTyped({ ...typed, aggregate: event.target.value })}
      />
      <Button type="submit">Show</Button>
      {filter !== emptyFilter && (
        <Button kind="quiet" onClick={clear}>
          Show all
        </Button>
      )}
    </form>
  )
}
