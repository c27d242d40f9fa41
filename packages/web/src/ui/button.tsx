import type { ButtonHTMLAttributes, ReactNode } from 'react'

export interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  /** `main`: the one thing this page is for. `plain`: beside it. `quiet`: in rows and corners. `danger`: cannot be taken back. */
  kind?: 'main' | 'plain' | 'quiet' | 'danger'
  size?: 'usual' | 'small'
  /** Something is under way that this button began: it says so and takes no second press. */
  busy?: boolean
  children: ReactNode
}

export function Button({ kind = 'plain', size = 'usual', busy = false, children, onClick, ...rest }: ButtonProps) {
  return (
    <button
      type="button"
      {...rest}
      className={`button button-${kind} ${size === 'small' ? 'button-small' : ''} ${rest.className ?? ''}`}
      aria-busy={busy || undefined}
      // Not `disabled`: that would take the focus away.
      aria-disabled={busy || undefined}
      onClick={busy ? (event) => event.preventDefault() : onClick}
    >
      {busy && <span className="spinner" aria-hidden="true" />}
      {children}
    </button>
  )
}
