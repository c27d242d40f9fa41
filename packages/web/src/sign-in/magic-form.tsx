import { type FormEvent, useEffect, useState } from 'react'
import { Button } from '../ui/button.tsx'
import { TextField } from '../ui/field.tsx'
import { FailureNotice } from '../ui/notice.tsx'
import { useAction } from '../ui/use-action.ts'

/** The token an address brought along: `#magic=TOKEN`, from a page that signed somebody in at Magic. */
export function magicTokenOf(hash: string): string | undefined {
  return new URLSearchParams(hash.replace(/^#/, '')).get('magic') ?? undefined
}

interface MagicFormProps {
  /** What the button does, in its own words. */
  action: string
  token?: string | undefined
  onToken: (token: string) => Promise<unknown>
}

/**
 * Takes a DID token of Magic. Magic's own program is not here: it shows a page of another host inside this one. Who has an application at Magic
 * lets that page send people here with the token behind `#`.
 */
export function MagicForm({ action, token: brought = '', onToken }: MagicFormProps) {
  const [token, setToken] = useState(brought)
  const sending = useAction(onToken)
  // What signs somebody in must not stay in the address bar and the history.
  useEffect(() => {
    if (magicTokenOf(location.hash)) history.replaceState(history.state, '', location.pathname + location.search)
  }, [])
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (!sending.busy) void sending.run(token.trim())
  }
  return (
    <form onSubmit={submit} className="stack">
      <TextField
        label="DID token of Magic"
        name="magic-token"
        autoComplete="off"
        spellCheck={false}
        required
        maxLength={10_000}
        value={token}
        onChange={(event) => setToken(event.target.value)}
        hint="The application you use Magic with shows it, or brings you here with it. Each token works once."
      />
      {sending.error !== undefined && <FailureNotice error={sending.error} />}
      <Button type="submit" busy={sending.busy}>
        {action}
      </Button>
    </form>
  )
}
