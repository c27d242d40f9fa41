import type { ApiKey } from '@keepsake/api/keys.ts'
import { useCallback, useState } from 'react'
import { call } from '../api/call.ts'
import { useResource } from '../api/use-resource.ts'
import { RequireSession } from '../session/require-session.tsx'
import { Button } from '../ui/button.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { Empty } from '../ui/empty.tsx'
import { FailureNotice } from '../ui/notice.tsx'
import { Page } from '../ui/page.tsx'
import { Skeleton } from '../ui/skeleton.tsx'
import { KeyCard } from './key-card.tsx'
import { NewKeyForm } from './new-key-form.tsx'

export default function KeysPage() {
  return (
    <RequireSession>
      <Keys />
    </RequireSession>
  )
}

function Keys() {
  const keys = useResource(useCallback((signal) => call<ApiKey[]>('GET', '/api/internal/tokens', { signal }), []))
  const [isMaking, setIsMaking] = useState(false)
  const [newest, setNewest] = useState<number>()
  const made = (key: ApiKey) => {
    setIsMaking(false)
    setNewest(key.id)
    keys.replace([key, ...(keys.value ?? [])])
  }
  const make = (
    <Button kind="main" onClick={() => setIsMaking(true)}>
      New key
    </Button>
  )
  return (
    <Page
      title="API keys"
      lead="A key lets a program act for you. Give each program its own, with no more rights than it needs."
      actions={keys.value?.length ? make : undefined}
    >
      {keys.status === 'loading' && <Skeleton lines={6} />}
      {keys.status === 'failed' && <FailureNotice error={keys.error} retry={keys.reload} />}
      {keys.value?.length === 0 && (
        <Empty title="No keys yet" action={make}>
          With a key, curl, the nft.storage client and the command line can store in your name.
        </Empty>
      )}
      {keys.value && keys.value.length > 0 && (
        <ul className="key-list">
          {keys.value.map((key) => (
            <KeyCard
              key={key.id}
              apiKey={key}
              isNew={key.id === newest}
              onRevoked={() => keys.replace((keys.value ?? []).filter(({ id }) => id !== key.id))}
            />
          ))}
        </ul>
      )}
      {isMaking && (
        <Dialog title="New key" onClose={() => setIsMaking(false)}>
          <NewKeyForm onMade={made} onCancel={() => setIsMaking(false)} />
        </Dialog>
      )}
    </Page>
  )
}
