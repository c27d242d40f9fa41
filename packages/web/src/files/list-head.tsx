import { useEffect, useRef } from 'react'
import { Button } from '../ui/button.tsx'
import { formatCount } from '../ui/format.ts'
import type { Selection } from './use-selection.ts'

interface ListHeadProps {
  /** On this page, and over all. */
  shownCount: number
  count: number
  selection: Selection
  onDelete: () => void
}

/** How many there are, or what is done with those that are chosen. */
export function ListHead({ shownCount, count, selection, onDelete }: ListHeadProps) {
  const all = useRef<HTMLInputElement>(null)
  const pageCount = selection.chosen.size
  const chosenCount = selection.isEverything ? count : pageCount
  useEffect(() => {
    if (all.current) all.current.indeterminate = pageCount > 0 && pageCount < shownCount
  }, [pageCount, shownCount])
  return (
    <div className="file-list-head">
      <label className="check">
        <input
          ref={all}
          type="checkbox"
          checked={pageCount === shownCount}
          onChange={(event) => selection.choosePage(event.target.checked)}
        />
        {chosenCount > 0 ? `${formatCount(chosenCount)} chosen` : 'Choose all on this page'}
      </label>
      {chosenCount === 0 ? (
        <span className="file-count" role="status">
          {formatCount(count)} {count === 1 ? 'file' : 'files'}
        </span>
      ) : (
        <div className="file-list-actions">
          {pageCount === shownCount && count > shownCount && !selection.isEverything && (
            <Button size="small" kind="quiet" onClick={selection.chooseEverything}>
              Choose all {formatCount(count)}
            </Button>
          )}
          <Button size="small" kind="danger" onClick={onDelete}>
            Delete {formatCount(chosenCount)}
          </Button>
        </div>
      )}
    </div>
  )
}
