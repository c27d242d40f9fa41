import { type FocusEvent, type KeyboardEvent, type MouseEvent, type ReactNode, useRef } from 'react'

/** Actions behind one button. It closes with Escape, when the focus leaves it, and when one of them was chosen. */
export function RowMenu({ label, children }: { label: string; children: ReactNode }) {
  const menu = useRef<HTMLDetailsElement>(null)
  const close = () => {
    if (menu.current) menu.current.open = false
  }
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== 'Escape' || !menu.current?.open) return
    close()
    menu.current.querySelector('summary')?.focus()
  }
  const onBlur = (event: FocusEvent) => {
    if (event.relatedTarget && !event.currentTarget.contains(event.relatedTarget as Node)) close()
  }
  const onClick = (event: MouseEvent) => {
    const chosen = (event.target as Element).closest('a, button')
    // What is copied says so on its own button.
    if (chosen && !chosen.classList.contains('copy-button')) close()
  }
  return (
    <details ref={menu} className="row-menu" onKeyDown={onKeyDown} onBlur={onBlur} onClick={onClick}>
      <summary className="button button-quiet button-small" aria-label={label} title="More">
        <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
          <path d="M3 8h.1M8 8h.1M13 8h.1" stroke="currentColor" strokeWidth="2.6" strokeLinecap="round" />
        </svg>
      </summary>
      <div className="row-menu-items">{children}</div>
    </details>
  )
}
