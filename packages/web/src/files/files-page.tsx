import type { UploadsChanged } from '@keepsake/api/timeline.ts'
import { useCallback, useRef, useState } from 'react'
import { Link, useSearchParams } from 'wouter'
import { useLive } from '../api/use-live.ts'
import { useResource } from '../api/use-resource.ts'
import { RequireSession } from '../session/require-session.tsx'
import { paths } from '../site/paths.ts'
import { Button } from '../ui/button.tsx'
import { SelectField } from '../ui/field.tsx'
import { FailureNotice } from '../ui/notice.tsx'
import { Page } from '../ui/page.tsx'
import { Skeleton } from '../ui/skeleton.tsx'
import { FileList } from './file-list.tsx'
import { listFiles, orderOf, orders } from './list-files.ts'
import { NoFiles } from './no-files.tsx'
import { Pager } from './pager.tsx'
import { SearchField } from './search-field.tsx'
import { UndoNotice } from './undo-notice.tsx'
import { useInterval } from './use-interval.ts'
import { useThrottled } from './use-throttled.ts'
import './files.css'

export default function FilesPage() {
  return (
    <RequireSession>
      <Page
        title="Files"
        lead="What you stored here, and where it stands."
        actions={
          <Link href={paths.upload} className="button button-main">
            Upload
          </Link>
        }
      >
        <Files />
      </Page>
    </RequireSession>
  )
}

/** How often to look where nothing is told by itself. */
const pollMs = 20_000
/** Between two looks at the list, however often something happens. */
const restMs = 1_000

const orderChoices = Object.entries(orders).map(([value, text]) => ({ value, text }))

function Files() {
  const [params, setParams] = useSearchParams()
  const search = params.get('search') ?? ''
  const order = orderOf(params.get('sort'))
  const cursor = params.get('after') ?? undefined
  const load = useCallback((signal: AbortSignal) => listFiles({ search, order, cursor }, signal), [search, order, cursor])
  const page = useResource(load)
  const { hasNews, onHold, showNews } = useNews(page.reload)
  const [deleted, setDeleted] = useState(deletedBefore)
  const forgetDeleted = () => {
    setDeleted(undefined)
    history.replaceState(null, '')
  }
  const show = useCallback(
    (query: { search: string; sort: string }) => {
      const plain = { ...(query.search && { search: query.search }), ...(query.sort !== 'newest' && { sort: query.sort }) }
      setParams(plain, { replace: true })
    },
    [setParams],
  )
  const setSearch = useCallback((text: string) => show({ search: text, sort: order }), [show, order])
  return (
    <div className="files">
      <div className="files-tools">
        <SearchField value={search} onSearch={setSearch} />
        <SelectField
          label="Sorted"
          choices={orderChoices}
          value={order}
          onChange={(event) => show({ search, sort: event.target.value })}
        />
      </div>
      {deleted && <UndoNotice key={deleted[0]} cids={deleted} onRestored={page.reload} onClose={forgetDeleted} />}
      {hasNews && (
        <Button size="small" className="files-news" onClick={showNews}>
          Something changed. Show it
        </Button>
      )}
      {page.status === 'loading' && <Skeleton lines={8} />}
      {page.status === 'failed' && <FailureNotice error={page.error} retry={page.reload} />}
      {page.status === 'ready' && page.value.files.length === 0 && (
        <NoFiles isSearch={search !== ''} isLater={cursor !== undefined} />
      )}
      {page.status === 'ready' && page.value.files.length > 0 && (
        <FileList
          key={`${search} ${order} ${cursor}`}
          page={page.value}
          query={{ search, order }}
          onHold={onHold}
          onChanged={page.reload}
          onDeleted={(cids) => {
            setDeleted(cids)
            page.reload()
          }}
        />
      )}
      {page.status === 'ready' && <Pager query={{ search, order }} cursor={cursor} next={page.value.next} />}
    </div>
  )
}

/** What was deleted on the page that led here. */
function deletedBefore(): readonly string[] | undefined {
  return (history.state as { deleted?: readonly string[] } | null)?.deleted
}

/** Loads again when something happened to one's files; where that would move what a person is just working with, it waits until it is asked for. */
function useNews(reload: () => void) {
  const [hasNews, setNews] = useState(false)
  const isHeld = useRef(false)
  const onNews = useThrottled(() => {
    if (isHeld.current || document.querySelector('.row-menu[open]')) setNews(true)
    else reload()
  }, restMs)
  const isLive = useLive<UploadsChanged>('/api/events', { event: 'uploads', onEvent: onNews, onOpen: onNews })
  useInterval(onNews, isLive ? undefined : pollMs)
  const showNews = useCallback(() => {
    setNews(false)
    reload()
  }, [reload])
  const onHold = useCallback((held: boolean) => {
    isHeld.current = held
  }, [])
  return { hasNews, onHold, showNews }
}
