import type { ReactNode } from 'react'
import { Mark } from '../site/mark.tsx'

/** In place of a list that has nothing in it yet: what would be here, and what to do. */
export function Empty({ title, children, action }: { title: string; children?: ReactNode; action?: ReactNode }) {
  return (
    <div className="empty">
      <Mark />
      <h2>{title}</h2>
      {children && <p>{children}</p>}
      {action}
    </div>
  )
}
