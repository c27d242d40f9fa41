import { Link } from 'wouter'
import { paths } from '../site/paths.ts'

interface PagerProps {
  search: string
  cursor: string | undefined
  next: string | undefined
}

/** Leads to older files, and back by the way one came. A page begins behind a file, not at a number, so new files do not shift it. */
export function Pager({ search, cursor, next }: PagerProps) {
  if (!cursor && !next) return null
  const href = (after?: string) => {
    const query = new URLSearchParams({ ...(search && { search }), ...(after && { after }) }).toString()
    return `${paths.files}${query && `?${query}`}`
  }
  return (
    <nav className="pager" aria-label="Pages">
      {cursor && (
        <>
          <Link href={href()} className="button button-small">
            Newest
          </Link>
          <button type="button" className="button button-small" onClick={() => history.back()}>
            Back
          </button>
        </>
      )}
      {next && (
        <Link href={href(next)} className="button button-small pager-next">
          Older files
        </Link>
      )}
    </nav>
  )
}
