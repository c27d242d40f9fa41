import type { RemotePinStatus } from '@keepsake/api/pinning.ts'
import { useCallback, useState } from 'react'
import { useResource } from '../api/use-resource.ts'
import { useInterval } from '../files/use-interval.ts'
import { RequireSession } from '../session/require-session.tsx'
import { apiUrl } from '../site/gateway.ts'
import { Button } from '../ui/button.tsx'
import { CodeBlock } from '../ui/code-block.tsx'
import { Empty } from '../ui/empty.tsx'
import { formatCount } from '../ui/format.ts'
import { FailureNotice } from '../ui/notice.tsx'
import { Page } from '../ui/page.tsx'
import { Skeleton } from '../ui/skeleton.tsx'
import { useAction } from '../ui/use-action.ts'
import { NewPinForm } from './new-pin-form.tsx'
import { PinRow } from './pin-row.tsx'
import { isOpen, listPins } from './pins.ts'
import '../files/files.css'
import './pins.css'

/** How often it is looked what became of pins that are not here yet. */
const lookMs = 2000

const kubo = (api: string) => `ipfs pin remote service add keepsake ${api} YOUR_API_KEY
ipfs pin remote add --service=keepsake --name=art bafy...
ipfs pin remote ls --service=keepsake`

export default function PinsPage() {
  return (
    <RequireSession>
      <Pins />
    </RequireSession>
  )
}

function Pins() {
  const newest = useResource(useCallback((signal) => listPins({ signal }), []))
  const [older, setOlder] = useState<RemotePinStatus[]>([])
  const first = newest.value?.results ?? []
  const shown = [...first, ...older.filter(({ requestid }) => !first.some((one) => one.requestid === requestid))]
  useInterval(newest.reload, shown.some(isOpen) ? lookMs : undefined)
  const more = useAction(async () => {
    const page = await listPins({ before: shown.at(-1)?.created, signal: new AbortController().signal })
    setOlder([...older, ...page.results])
  })
  const removed = (id: string) => {
    setOlder(older.filter(({ requestid }) => requestid !== id))
    newest.reload()
  }
  const count = newest.value?.count ?? 0
  return (
    <Page
      title="Pins by CID"
      lead="What others have on IPFS, this server can fetch by its CID, check block by block, and keep for you."
      width="text"
    >
      <NewPinForm onAdded={newest.reload} />
      {newest.status === 'loading' && <Skeleton lines={6} />}
      {newest.status === 'failed' && <FailureNotice error={newest.error} retry={newest.reload} />}
      {newest.value && shown.length === 0 && (
        <Empty title="No pins yet">Enter a CID above. What you upload yourself is pinned without this.</Empty>
      )}
      {shown.length > 0 && (
        <ul className="pin-list" aria-label="Your pins by CID">
          {shown.map((request) => (
            <PinRow
              key={request.requestid}
              request={request}
              onDeleted={() => removed(request.requestid)}
              onReplaced={() => removed(request.requestid)}
            />
          ))}
        </ul>
      )}
      {shown.length > 0 && count > shown.length && (
        <Button busy={more.busy} onClick={() => void more.run()}>
          Show more of {formatCount(count)}
        </Button>
      )}
      {more.error !== undefined && <FailureNotice error={more.error} />}
      <section className="pins-kubo">
        <h2>From your own IPFS node</h2>
        <p>This is the Pinning Service API that Kubo and IPFS Desktop know. Use an API key that may pin.</p>
        <CodeBlock label="Commands for Kubo" code={kubo(apiUrl())} />
      </section>
    </Page>
  )
}
