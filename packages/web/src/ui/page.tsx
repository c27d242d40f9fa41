import { type ReactNode, useEffect } from 'react'

/** Names the page in the tab. */
export function useTitle(title: string): void {
  useEffect(() => {
    document.title = title === 'Keepsake' ? title : `${title} · Keepsake`
  }, [title])
}

interface PageProps {
  title: string
  /** A sentence below the title. */
  lead?: ReactNode
  /** Buttons beside the title. */
  actions?: ReactNode
  /** `text`: a column to read. `wide`: tables and lists. `narrow`: one form. */
  width?: 'text' | 'wide' | 'narrow'
  children: ReactNode
}

/** The frame of a page: its title in the tab and on top, what it is about, then the rest. */
export function Page({ title, lead, actions, width = 'wide', children }: PageProps) {
  useTitle(title)
  return (
    <div className={`page page-${width}`}>
      <header className="page-head">
        <div>
          <h1>{title}</h1>
          {lead && <p className="lead">{lead}</p>}
        </div>
        {actions && <div className="page-actions">{actions}</div>}
      </header>
      {children}
    </div>
  )
}
