import { Link } from 'wouter'
import { paths } from '../site/paths.ts'
import type { FilesQuery } from './list-files.ts'

interface PagerProps {
  query: FilesQuery
  cursor: string | undefined
  next: string | undefined
}

/** Leads on, and back by the way one came. A page begins behind a file, not at a number, so new files do not shift it. */
export function Pager({ query: { search, order }, cursor, next }: PagerProps) {
  if (!cursor && !next) return null
  const href = (after?: string) => {
    const query = { ...(search && { search }), ...(order !== 'newest' && { sort: order }), ...(after && { after }) }
    const text = new URLSearchParams(query).toString()
    return `${paths.files}${text && `?${text}`}`
  }
  return (
    <nav className="pager" aria-label="Pages">
      {cursor && (
        <>
          <Link href={href()} className="button button-small">
            First page
          </Link>
          <button type="button" className="button button-small" onClick={() => history.back()}>
            Back
          </button>
        </>
      )}
      {next && (
        <Link href={href(next)} className="button button-small pager-next">
          Next page
        </Link>
      )}
    </nav>
  )
}
