import type { RemotePinStatus } from '@keepsake/api/pinning.ts'
import { type FormEvent, useState } from 'react'
import { Button } from '../ui/button.tsx'
import { TextField } from '../ui/field.tsx'
import { FailureNotice } from '../ui/notice.tsx'
import { useAction } from '../ui/use-action.ts'
import { addPin, cidIn, splitOrigins } from './pins.ts'

/** Asks for a CID to be fetched and kept. */
export function NewPinForm({ onAdded }: { onAdded: (pin: RemotePinStatus) => void }) {
  const [cid, setCid] = useState('')
  const [name, setName] = useState('')
  const [origins, setOrigins] = useState('')
  const adding = useAction(async () => {
    const from = splitOrigins(origins)
    onAdded(
      await addPin({ cid: cidIn(cid), ...(name.trim() && { name: name.trim() }), ...(from.length > 0 && { origins: from }) }),
    )
    setCid('')
    setName('')
  })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (!adding.busy) void adding.run()
  }
  return (
    <form className="card stack new-pin" onSubmit={submit}>
      <TextField
        label="CID"
        required
        value={cid}
        onChange={(event) => {
          setCid(event.target.value)
          adding.clear()
        }}
        placeholder="bafy…"
        hint="Or an ipfs:// address, or that of a gateway."
        autoComplete="off"
        spellCheck={false}
      />
      <TextField
        label="Name"
        maxLength={255}
        value={name}
        onChange={(event) => setName(event.target.value)}
        hint="Optional, to find it by."
        autoComplete="off"
      />
      <details>
        <summary>Who has it</summary>
        <TextField
          label="Addresses"
          value={origins}
          onChange={(event) => setOrigins(event.target.value)}
          placeholder="/dns4/ipfs.example.org/tcp/443/https"
          hint="Multiaddrs of IPFS nodes or gateways. They are asked first, then the network."
          autoComplete="off"
          spellCheck={false}
        />
      </details>
      {adding.error !== undefined && <FailureNotice error={adding.error} />}
      <div>
        <Button kind="main" type="submit" busy={adding.busy}>
          Pin it
        </Button>
      </div>
    </form>
  )
}
