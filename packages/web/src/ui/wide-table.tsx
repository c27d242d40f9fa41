import type { ReactNode } from 'react'

interface Props {
  /** What the table has, for whoever does not see it. */
  label: string
  className?: string
  children: ReactNode
}

/** Where a table that may be wider than the page scrolls by itself. */
export function WideTable({ label, className = 'table-scroll', children }: Props) {
  return (
    // biome-ignore lint/a11y: it scrolls, so keys have to reach it
    <div className={className} role="region" aria-label={label} tabIndex={0}>
      {children}
    </div>
  )
}
