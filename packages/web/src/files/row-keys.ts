import type { KeyboardEvent } from 'react'

/** What of a row the arrow keys go to: the same in the next row as they left in this one. */
const stops = ['.file-choose input', '.file-name', '.file-cid .copy-button', '.row-menu > summary']

const targetOf: Record<string, (at: number, count: number) => number> = {
  ArrowDown: (at) => at + 1,
  ArrowUp: (at) => at - 1,
  Home: () => 0,
  End: (_at, count) => count - 1,
}

/** Walks over the rows of a list by arrow keys. Tab reaches everything too. */
export function walkRows(event: KeyboardEvent<HTMLElement>): void {
  const target = event.target as Element
  const row = target.closest('.file-row')
  const stop = stops.find((selector) => target.matches(selector))
  const next = targetOf[event.key]
  if (!row || !stop || !next || event.ctrlKey || event.altKey || event.metaKey) return
  const rows = [...event.currentTarget.children]
  const element = rows[next(rows.indexOf(row), rows.length)]?.querySelector<HTMLElement>(stop)
  if (!element) return
  event.preventDefault()
  element.focus()
}
