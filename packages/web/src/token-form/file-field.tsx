import { useId, useRef } from 'react'
import { Button } from '../ui/button.tsx'
import { formatBytes } from '../ui/format.ts'

interface FileFieldProps {
  label: string
  accept: string
  file: File | undefined
  onChange: (file: File | undefined) => void
  hint: string
  error?: string | undefined
}

/** One file, chosen or dropped. */
export function FileField({ label, accept, file, onChange, hint, error }: FileFieldProps) {
  const id = useId()
  const input = useRef<HTMLInputElement>(null)
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the button inside does the same by keyboard
    <div
      className={`field file-field ${error ? 'field-wrong' : ''}`}
      onDragOver={(event) => event.preventDefault()}
      onDrop={(event) => {
        event.preventDefault()
        const [dropped] = event.dataTransfer.files
        if (dropped) onChange(dropped)
      }}
    >
      <span className="label" id={`${id}-label`}>
        {label}
      </span>
      <div className="file-field-box">
        <Button
          size="small"
          aria-labelledby={`${id}-label ${id}-button`}
          aria-describedby={`${id}-hint${error ? ` ${id}-error` : ''}`}
          onClick={() => input.current?.click()}
        >
          <span id={`${id}-button`}>{file ? 'Choose another' : 'Choose a file'}</span>
        </Button>
        {file && (
          <>
            <span className="file-field-name">
              <bdi>{file.name}</bdi>, {formatBytes(file.size)}
            </span>
            <Button size="small" kind="quiet" aria-label={`Remove: ${label}`} onClick={() => onChange(undefined)}>
              Remove
            </Button>
          </>
        )}
      </div>
      <input
        ref={input}
        type="file"
        hidden
        accept={accept}
        aria-label={label}
        data-choose={label}
        onChange={(event) => {
          const [chosen] = event.target.files ?? []
          event.target.value = ''
          if (chosen) onChange(chosen)
        }}
      />
      <p className="field-hint" id={`${id}-hint`}>
        {hint}
      </p>
      {error && (
        <p className="field-error" id={`${id}-error`} role="alert">
          {error}
        </p>
      )}
    </div>
  )
}
