import { useRef } from 'react'
import { Button } from '../ui/button.tsx'
import { TextField } from '../ui/field.tsx'
import { type Trait, traitProblem } from './token-draft.ts'

interface TraitFieldsProps {
  traits: readonly Trait[]
  onChange: (traits: readonly Trait[]) => void
  wasTried: boolean
}

export function TraitFields({ traits, onChange, wasTried }: TraitFieldsProps) {
  const nextKey = useRef(1)
  const add = useRef<HTMLDivElement>(null)
  const change = (key: number, part: Partial<Trait>) =>
    onChange(traits.map((trait) => (trait.key === key ? { ...trait, ...part } : trait)))
  const remove = (key: number) => {
    onChange(traits.filter((trait) => trait.key !== key))
    add.current?.querySelector('button')?.focus()
  }
  return (
    <fieldset className="traits">
      <legend className="label">Traits</legend>
      {traits.map((trait, index) => (
        <div key={trait.key} className="trait">
          <TextField
            label={`Trait ${index + 1}`}
            dir="auto"
            placeholder="Metal"
            value={trait.type}
            onChange={(event) => change(trait.key, { type: event.target.value })}
            error={wasTried ? traitProblem(trait) : undefined}
          />
          <TextField
            label="Value"
            dir="auto"
            placeholder="Copper"
            value={trait.value}
            onChange={(event) => change(trait.key, { value: event.target.value })}
          />
          <Button kind="quiet" size="small" aria-label={`Remove trait ${index + 1}`} onClick={() => remove(trait.key)}>
            Remove
          </Button>
        </div>
      ))}
      <div ref={add}>
        <Button size="small" onClick={() => onChange([...traits, { key: nextKey.current++, type: '', value: '' }])}>
          Add a trait
        </Button>
      </div>
    </fieldset>
  )
}
