import type { Nft } from '@keepsake/api/nft.ts'
import { useCallback, useEffect, useRef, useState } from 'react'
import { Link, useSearchParams } from 'wouter'
import { useResource } from '../api/use-resource.ts'
import { RequireSession } from '../session/require-session.tsx'
import { paths } from '../site/paths.ts'
import { Button } from '../ui/button.tsx'
import { Empty } from '../ui/empty.tsx'
import { formatCount } from '../ui/format.ts'
import { FailureNotice } from '../ui/notice.tsx'
import { Page } from '../ui/page.tsx'
import { Skeleton } from '../ui/skeleton.tsx'
import { DeleteDialog } from './delete-dialog.tsx'
import { FileRow } from './file-row.tsx'
import { type FilesPage as Listed, listFiles } from './list-files.ts'
import { Pager } from './pager.tsx'
import { RenameDialog } from './rename-dialog.tsx'
import { SearchField } from './search-field.tsx'
import { useInterval } from './use-interval.ts'
import './files.css'

export default function FilesPage() {
  return (
    <RequireSession>
      <Page
        title="Files"
        lead="What you stored here, newest first."
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

const pollSoonMs = 4000
const pollMs = 20_000

function Files() {
  const [params, setParams] = useSearchParams()
  const search = params.get('search') ?? ''
  const cursor = params.get('after') ?? undefined
  const load = useCallback((signal: AbortSignal) => listFiles({ search, cursor }, signal), [search, cursor])
  const page = useResource(load)
  const isMoving = page.value?.files.some(({ pin }) => pin.status === 'queued' || pin.status === 'pinning')
  useInterval(page.reload, isMoving ? pollSoonMs : pollMs)
  const setSearch = useCallback((text: string) => setParams(text ? { search: text } : {}, { replace: true }), [setParams])
  return (
    <div className="files">
      <SearchField value={search} onSearch={setSearch} />
      {page.status === 'loading' && <Skeleton lines={8} />}
      {page.status === 'failed' && <FailureNotice error={page.error} retry={page.reload} />}
      {page.status === 'ready' && (
        <FileList key={`${search} ${cursor}`} page={page.value} search={search} onChanged={page.reload} />
      )}
      {page.status === 'ready' && <Pager search={search} cursor={cursor} next={page.value.next} />}
    </div>
  )
}

interface FileListProps {
  page: Listed
  search: string
  onChanged: () => void
}

function FileList({ page: { files, count }, search, onChanged }: FileListProps) {
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set())
  const [renaming, setRenaming] = useState<Nft>()
  const [deleting, setDeleting] = useState<readonly Nft[]>()
  const list = useRef<HTMLUListElement>(null)
  const choose = useCallback((cid: string, isChosen: boolean) => {
    setChosen((before) => {
      const after = new Set(before)
      if (isChosen) after.add(cid)
      else after.delete(cid)
      return after
    })
  }, [])
  const deleteOne = useCallback((file: Nft) => setDeleting([file]), [])
  const chosenFiles = files.filter(({ cid }) => chosen.has(cid))
  if (files.length === 0) return <NoFiles search={search} />
  return (
    <>
      <ListHead
        files={files}
        count={count}
        chosenCount={chosenFiles.length}
        onChooseAll={(all) => setChosen(new Set(all ? files.map(({ cid }) => cid) : []))}
        onDelete={() => setDeleting(chosenFiles)}
      />
      <ul className="file-list" ref={list} tabIndex={-1} aria-label="Files">
        {files.map((file) => (
          <FileRow
            key={file.cid}
            file={file}
            isChosen={chosen.has(file.cid)}
            onChoose={choose}
            onRename={setRenaming}
            onDelete={deleteOne}
          />
        ))}
      </ul>
      {renaming && (
        <RenameDialog
          file={renaming}
          onClose={() => setRenaming(undefined)}
          onRenamed={() => {
            setRenaming(undefined)
            onChanged()
          }}
        />
      )}
      {deleting && (
        <DeleteDialog
          files={deleting}
          onClose={() => setDeleting(undefined)}
          onDeleted={() => {
            setDeleting(undefined)
            setChosen(new Set())
            onChanged()
            list.current?.focus()
          }}
        />
      )}
    </>
  )
}

interface ListHeadProps {
  files: readonly Nft[]
  count: number
  chosenCount: number
  onChooseAll: (all: boolean) => void
  onDelete: () => void
}

function ListHead({ files, count, chosenCount, onChooseAll, onDelete }: ListHeadProps) {
  const all = useRef<HTMLInputElement>(null)
  useEffect(() => {
    if (all.current) all.current.indeterminate = chosenCount > 0 && chosenCount < files.length
  }, [chosenCount, files.length])
  return (
    <div className="file-list-head">
      <label className="check">
        <input
          ref={all}
          type="checkbox"
          checked={chosenCount === files.length}
          onChange={(event) => onChooseAll(event.target.checked)}
        />
        {chosenCount > 0 ? `${formatCount(chosenCount)} chosen` : 'Choose all on this page'}
      </label>
      {chosenCount > 0 ? (
        <Button size="small" kind="danger" onClick={onDelete}>
          Delete {formatCount(chosenCount)}
        </Button>
      ) : (
        <span className="file-count" role="status">
          {formatCount(count)} {count === 1 ? 'file' : 'files'}
        </span>
      )}
    </div>
  )
}

function NoFiles({ search }: { search: string }) {
  if (search) {
    return (
      <Empty title="Nothing like that">
        No file of yours has this in its name, and none has it as its CID. Parts of names are found in any case; CIDs only whole.
      </Empty>
    )
  }
  return (
    <Empty
      title="Nothing is kept yet"
      action={
        <Link href={paths.upload} className="button button-main">
          Upload a file
        </Link>
      }
    >
      What you upload here, or store with a key over the API, is listed in this place with its CID and where it stands.
    </Empty>
  )
}
