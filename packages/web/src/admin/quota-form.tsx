import { type FormEvent, useState } from 'react'
import { Button } from '../ui/button.tsx'
import { TextField } from '../ui/field.tsx'
import { FailureNotice } from '../ui/notice.tsx'
import { useAction } from '../ui/use-action.ts'

const gibibyte = 1024 ** 3

interface Props {
  limitBytes: number | null
  save: (limitBytes: number | null) => Promise<void>
}

/** How much an account may keep, in GiB; empty is no limit. */
export function QuotaForm({ limitBytes, save }: Props) {
  const [typed, setTyped] = useState(limitBytes === null ? '' : String(limitBytes / gibibyte))
  const [isSaved, setIsSaved] = useState(false)
  const saving = useAction(async () => {
    await save(typed === '' ? null : Math.round(Number(typed) * gibibyte))
    setIsSaved(true)
  })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (!saving.busy) void saving.run()
  }
  return (
    <section className="settings-section" aria-labelledby="quota">
      <h2 id="quota">Storage</h2>
      <form className="row" onSubmit={submit}>
        <TextField
          label="Limit in GiB"
          type="number"
          min={0}
          max={8_000_000}
          step="any"
          inputMode="decimal"
          placeholder="none"
          value={typed}
          onChange={(event) => {
            setTyped(event.target.value)
            setIsSaved(false)
          }}
        />
        <Button type="submit" busy={saving.busy}>
          Save
        </Button>
        <span role="status">{isSaved && 'Saved.'}</span>
      </form>
      {saving.error !== undefined && <FailureNotice error={saving.error} />}
    </section>
  )
}
