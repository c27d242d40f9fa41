import type { Nft } from '@keepsake/api/nft.ts'
import type { Timeline as Told } from '@keepsake/api/timeline.ts'
import { type ReactNode, useCallback, useState } from 'react'
import { Link, useLocation, useParams } from 'wouter'
import { call } from '../api/call.ts'
import { CallFailure } from '../api/failure.ts'
import { useLive } from '../api/use-live.ts'
import { type Loaded, useResource } from '../api/use-resource.ts'
import { type ContentKind, kindNames, kindOf } from '../files/content-kind.ts'
import { downloadUrl, ipfsUrl, openUrl } from '../files/content-links.ts'
import { DeleteDialog } from '../files/delete-dialog.tsx'
import { displayName } from '../files/display-name.ts'
import { RenameDialog } from '../files/rename-dialog.tsx'
import { useInterval } from '../files/use-interval.ts'
import { RequireSession } from '../session/require-session.tsx'
import { gatewayUrl } from '../site/gateway.ts'
import { paths } from '../site/paths.ts'
import { Button } from '../ui/button.tsx'
import { CopyButton } from '../ui/copy-button.tsx'
import { Empty } from '../ui/empty.tsx'
import { formatBytes } from '../ui/format.ts'
import { FailureNotice } from '../ui/notice.tsx'
import { Page } from '../ui/page.tsx'
import { PageSkeleton, Skeleton } from '../ui/skeleton.tsx'
import { Preview } from './preview.tsx'
import { ProofCheck } from './proof-check.tsx'
import { Timeline } from './timeline.tsx'
import './file-page.css'

export default function FilePage() {
  return (
    <RequireSession>
      <File />
    </RequireSession>
  )
}

/** How often to look where nothing is told by itself. */
const pollMs = 20_000

function File() {
  const { cid = '' } = useParams<{ cid: string }>()
  const path = `/api/${encodeURIComponent(cid)}`
  const load = useCallback((signal: AbortSignal) => call<Nft>('GET', path, { signal }), [path])
  const file = useResource(load)
  const loadTimeline = useCallback((signal: AbortSignal) => call<Told>('GET', `${path}/timeline`, { signal }), [path])
  const timeline = useResource(loadTimeline)
  const isLive = useLive<Told>(`${path}/events`, {
    event: 'timeline',
    onEvent: (told) => {
      timeline.replace(told)
      file.reload()
    },
    // What it is about is gone, or may no longer be seen: the answer to an ordinary call says which.
    onEnd: file.reload,
  })
  const lookAgain = () => {
    file.reload()
    timeline.reload()
  }
  useInterval(lookAgain, isLive ? undefined : pollMs)
  if (file.status === 'loading') return <PageSkeleton />
  if (file.status === 'ready') {
    const shown = <TimelineSection timeline={timeline} isLive={isLive} />
    return <FileFacts file={file.value} onChanged={file.replace} timeline={shown} />
  }
  if (file.error instanceof CallFailure && [400, 404].includes(file.error.status)) return <NoFile cid={cid} />
  return (
    <div className="page">
      <FailureNotice error={file.error} retry={file.reload} />
    </div>
  )
}

function TimelineSection({ timeline, isLive }: { timeline: Loaded<Told>; isLive: boolean }) {
  if (timeline.status === 'loading') return <Skeleton lines={6} />
  if (timeline.status === 'failed') return <FailureNotice error={timeline.error} retry={timeline.reload} />
  return <Timeline steps={timeline.value.steps} isLive={isLive} />
}

function NoFile({ cid }: { cid: string }) {
  return (
    <Page title="Not among your files">
      <Empty
        title="You have no file with this CID"
        action={
          <Link href={paths.files} className="button button-main">
            To your files
          </Link>
        }
      >
        It was deleted, or another account stored it. The CID asked for: <span className="cid">{cid.slice(0, 120)}</span>
      </Empty>
    </Page>
  )
}

interface FileFactsProps {
  file: Nft
  onChanged: (file: Nft) => void
  timeline: ReactNode
}

function FileFacts({ file, onChanged, timeline }: FileFactsProps) {
  const [, navigate] = useLocation()
  const [dialog, setDialog] = useState<'rename' | 'delete'>()
  const kind = kindOf(file)
  const close = () => setDialog(undefined)
  const doomed = { count: 1, name: displayName(file), listCids: async () => [file.cid] }
  return (
    <Page
      title={displayName(file)}
      lead={`${kindNames[kind]}${file.size > 0 ? `, ${formatBytes(file.size)}` : ''}`}
      actions={
        <>
          <a href={openUrl(file.cid, file.name, kind)} target="_blank" rel="noreferrer" className="button">
            Open
          </a>
          <a href={downloadUrl(file.cid, file.name, kind)} className="button">
            Download
          </a>
          <Button onClick={() => setDialog('rename')}>Rename</Button>
          <Button kind="danger" onClick={() => setDialog('delete')}>
            Delete
          </Button>
        </>
      }
    >
      <div className="file-page">
        <div className="file-page-main">
          <Addresses file={file} kind={kind} />
          {timeline}
          <ProofCheck cid={file.cid} />
        </div>
        <Preview file={file} kind={kind} />
      </div>
      {dialog === 'rename' && (
        <RenameDialog
          file={file}
          onClose={close}
          onRenamed={(renamed) => {
            close()
            onChanged(renamed)
          }}
        />
      )}
      {dialog === 'delete' && (
        <DeleteDialog doomed={doomed} onClose={close} onDeleted={(cids) => navigate(paths.files, { state: { deleted: cids } })} />
      )}
    </Page>
  )
}

function Addresses({ file: { cid }, kind }: { file: Nft; kind: ContentKind }) {
  const addresses = [
    { title: 'CID', text: cid },
    { title: kind === 'token' ? 'To mint with' : 'IPFS', text: ipfsUrl(cid, kind) },
    { title: 'Gateway', text: gatewayUrl(cid, kind === 'token' ? 'metadata.json' : '') },
  ]
  return (
    <dl className="addresses">
      {addresses.map(({ title, text }) => (
        <div key={title}>
          <dt>{title}</dt>
          <dd>
            <span className="cid">{text}</span>
            <CopyButton text={text} label={`Copy: ${title}`} />
          </dd>
        </div>
      ))}
    </dl>
  )
}
