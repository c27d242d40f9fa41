import type { ApiKey } from '@keepsake/api/keys.ts'
import { type FormEvent, useState } from 'react'
import { call } from '../api/call.ts'
import { CallFailure } from '../api/failure.ts'
import { Button } from '../ui/button.tsx'
import { SelectField, TextField } from '../ui/field.tsx'
import { FailureNotice } from '../ui/notice.tsx'
import { useAction } from '../ui/use-action.ts'
import { scopes } from './scopes.ts'

const dayMs = 86_400_000
const lifetimes = [
  { value: '', text: 'Never' },
  { value: '30', text: 'In 30 days' },
  { value: '90', text: 'In 90 days' },
  { value: '365', text: 'In a year' },
]

export function NewKeyForm({ onMade, onCancel }: { onMade: (key: ApiKey) => void; onCancel: () => void }) {
  const [name, setName] = useState('')
  const [scope, setScope] = useState<ApiKey['scope']>('upload')
  const [days, setDays] = useState('')
  const making = useAction(async () => {
    const expires = days && new Date(Date.now() + Number(days) * dayMs).toISOString()
    onMade(
      await call<ApiKey>('POST', '/api/internal/tokens', { body: { name: name.trim(), scope, ...(expires && { expires }) } }),
    )
  })
  const isTaken = making.error instanceof CallFailure && making.error.code === 'ERROR_DUPLICATE_KEY_NAME'
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (!making.busy) void making.run()
  }
  return (
    <form className="stack" onSubmit={submit}>
      <TextField
        label="Name"
        required
        pattern=".*\S.*"
        maxLength={255}
        value={name}
        onChange={(event) => {
          setName(event.target.value)
          making.clear()
        }}
        hint="For you, to tell your keys apart: the program or machine it is for."
        autoComplete="off"
        error={isTaken ? `You have a key called "${name.trim()}" already.` : undefined}
      />
      <SelectField
        label="It may"
        value={scope}
        onChange={(event) => setScope(event.target.value as ApiKey['scope'])}
        choices={Object.entries(scopes).map(([value, { choice }]) => ({ value, text: choice }))}
        hint={scopes[scope].hint}
      />
      <SelectField label="It ends" value={days} onChange={(event) => setDays(event.target.value)} choices={lifetimes} />
      {making.error !== undefined && !isTaken && <FailureNotice error={making.error} />}
      <div className="dialog-actions">
        <Button onClick={onCancel}>Cancel</Button>
        <Button kind="main" type="submit" busy={making.busy}>
          Make the key
        </Button>
      </div>
    </form>
  )
}
