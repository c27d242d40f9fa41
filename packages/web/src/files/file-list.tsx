import type { Nft } from '@keepsake/api/nft.ts'
import { type KeyboardEvent, useCallback, useEffect, useRef, useState } from 'react'
import { DeleteDialog, type Doomed } from './delete-dialog.tsx'
import { displayName } from './display-name.ts'
import { FileRow } from './file-row.tsx'
import { type FilesPage, type FilesQuery, listAllCids } from './list-files.ts'
import { ListHead } from './list-head.tsx'
import { RenameDialog } from './rename-dialog.tsx'
import { walkRows } from './row-keys.ts'
import { useSelection } from './use-selection.ts'

interface FileListProps {
  page: FilesPage
  query: FilesQuery
  /** Called when something is begun that a list which moves would disturb, and when it ended. */
  onHold: (isHeld: boolean) => void
  onChanged: () => void
  onDeleted: (cids: readonly string[]) => void
}

const doomedOf = (files: readonly Nft[]): Doomed => ({
  count: files.length,
  ...(files[0] && { name: displayName(files[0]) }),
  listCids: async () => files.map(({ cid }) => cid),
})

export function FileList({ page: { files, count }, query, onHold, onChanged, onDeleted }: FileListProps) {
  const selection = useSelection(files)
  const [renaming, setRenaming] = useState<Nft>()
  const [doomed, setDoomed] = useState<Doomed>()
  const list = useRef<HTMLUListElement>(null)
  const isHeld = selection.chosen.size > 0 || renaming !== undefined || doomed !== undefined
  useEffect(() => onHold(isHeld), [onHold, isHeld])
  const deleteOne = useCallback((file: Nft) => setDoomed(doomedOf([file])), [])
  const chosenFiles = files.filter(({ cid }) => selection.chosen.has(cid))
  const everything = { count, listCids: () => listAllCids(query, AbortSignal.timeout(120_000)) }
  const deleteChosen = () => setDoomed(selection.isEverything ? everything : doomedOf(chosenFiles))
  const onKeyDown = (event: KeyboardEvent<HTMLElement>) => {
    if (event.key === 'Delete' && chosenFiles.length > 0) deleteChosen()
    else walkRows(event)
  }
  return (
    <>
      <ListHead shownCount={files.length} count={count} selection={selection} onDelete={deleteChosen} />
      <ul
        className="file-list"
        ref={list}
        tabIndex={-1}
        aria-label="Files"
        aria-description="Arrow keys walk over the rows; Delete deletes what is chosen."
        onKeyDown={onKeyDown}
      >
        {files.map((file) => (
          <FileRow
            key={file.cid}
            file={file}
            isChosen={selection.isEverything || selection.chosen.has(file.cid)}
            onChoose={selection.choose}
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
      {doomed && (
        <DeleteDialog
          doomed={doomed}
          onClose={() => setDoomed(undefined)}
          onDeleted={(cids) => {
            setDoomed(undefined)
            selection.clear()
            onDeleted(cids)
            list.current?.focus()
          }}
        />
      )}
    </>
  )
}
