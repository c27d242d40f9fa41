import type { ApiKey } from '@keepsake/api/keys.ts'
import { useCallback, useState } from 'react'
import { Link } from 'wouter'
import { call } from '../api/call.ts'
import { useResource } from '../api/use-resource.ts'
import { useSession } from '../session/session.tsx'
import { paths } from '../site/paths.ts'
import { SelectField } from '../ui/field.tsx'
import { Snippets } from './snippets.tsx'

/** The examples, with the choice of a key to fill in for whoever has one. */
export function QuickStart() {
  const { status } = useSession()
  return status === 'signed-in' ? <WithKey /> : <WithoutKey />
}

function WithoutKey() {
  return (
    <div className="quick-start">
      <p>
        Put your key where it says <code>YOUR_API_KEY</code>. <Link href={paths.keys}>Sign in to make one.</Link>
      </p>
      <Snippets />
    </div>
  )
}

function WithKey() {
  const keys = useResource(useCallback((signal) => call<ApiKey[]>('GET', '/api/internal/tokens', { signal }), []))
  const [chosen, setChosen] = useState('')
  const usable = (keys.value ?? []).filter(({ secret }) => secret !== null)
  const key = usable.find(({ id }) => String(id) === chosen)
  return (
    <div className="quick-start">
      {usable.length > 0 ? (
        <SelectField
          label="Key to fill in"
          value={chosen}
          onChange={(event) => setChosen(event.target.value)}
          choices={[
            { value: '', text: 'None: I will fill it in myself' },
            ...usable.map(({ id, name }) => ({ value: String(id), text: name })),
          ]}
          hint="It is copied with the code, and shown only in part."
        />
      ) : (
        <p>
          Put your key where it says <code>YOUR_API_KEY</code>. <Link href={paths.keys}>Make one.</Link>
        </p>
      )}
      <Snippets secret={key?.secret ?? undefined} {...(key && { scope: key.scope })} />
    </div>
  )
}
