import { type InputHTMLAttributes, type ReactNode, type SelectHTMLAttributes, useId } from 'react'

interface Frame {
  label: string
  /** A sentence below the field. */
  hint?: ReactNode
  /** What is wrong with what was entered. */
  error?: string | undefined
}

function Framed({ label, hint, error, id, children }: Frame & { id: string; children: ReactNode }) {
  return (
    <div className={`field ${error ? 'field-wrong' : ''}`}>
      <label htmlFor={id}>{label}</label>
      {children}
      {hint && (
        <p className="field-hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
      {error && (
        <p className="field-error" id={`${id}-error`} role="alert">
          {error}
        </p>
      )}
    </div>
  )
}

function describedBy(id: string, { hint, error }: Frame): string | undefined {
  return [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(' ') || undefined
}

/** A line of text with its label. */
export function TextField({ label, hint, error, ...input }: Frame & InputHTMLAttributes<HTMLInputElement>) {
  const id = useId()
  const frame = { label, hint, error }
  return (
    <Framed {...frame} id={id}>
      <input {...input} id={id} aria-invalid={error ? true : undefined} aria-describedby={describedBy(id, frame)} />
    </Framed>
  )
}

export interface Choice {
  value: string
  text: string
}

/** One of some, with its label. */
export function SelectField({
  label,
  hint,
  error,
  choices,
  ...select
}: Frame & SelectHTMLAttributes<HTMLSelectElement> & { choices: readonly Choice[] }) {
  const id = useId()
  const frame = { label, hint, error }
  return (
    <Framed {...frame} id={id}>
      <select {...select} id={id} aria-describedby={describedBy(id, frame)}>
        {choices.map(({ value, text }) => (
          <option key={value} value={value}>
            {text}
          </option>
        ))}
      </select>
    </Framed>
  )
}
