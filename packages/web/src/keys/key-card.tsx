import type { ApiKey } from '@keepsake/api/keys.ts'
import { useState } from 'react'
import { callWhole } from '../api/call.ts'
import { Snippets } from '../quick-start/snippets.tsx'
import { Button } from '../ui/button.tsx'
import { Confirm } from '../ui/confirm.tsx'
import { CopyButton } from '../ui/copy-button.tsx'
import { When } from '../ui/when.tsx'
import { scopes } from './scopes.ts'

interface Props {
  apiKey: ApiKey
  /** Made just now, on this page. */
  isNew: boolean
  onRevoked: () => void
}

export function KeyCard({ apiKey: key, isNew, onRevoked }: Props) {
  const [isAsking, setIsAsking] = useState(false)
  const revoke = async () => {
    await callWhole('DELETE', '/api/internal/tokens', { body: { id: key.id } })
    onRevoked()
  }
  return (
    <li className={`card key-card ${isNew ? 'key-card-new' : ''}`}>
      <div className="key-card-head">
        <h2>
          <bdi>{key.name}</bdi>
        </h2>
        <span className="badge">{scopes[key.scope].badge}</span>
        <Button size="small" kind="danger" aria-label={`Revoke ${key.name}`} onClick={() => setIsAsking(true)}>
          Revoke
        </Button>
      </div>
      {isNew && (
        <p role="status" className="key-card-news">
          Here it is. It stays on this page, so you need not keep it elsewhere.
        </p>
      )}
      <Secret apiKey={key} />
      <dl className="key-card-facts">
        <div>
          <dt>Made</dt>
          <dd>
            <When instant={key.created} />
          </dd>
        </div>
        <div>
          <dt>Last used</dt>
          <dd>{key.lastUsed ? <When instant={key.lastUsed} /> : 'never'}</dd>
        </div>
        <div>
          <dt>{key.expires && new Date(key.expires) < new Date() ? 'Ended' : 'Ends'}</dt>
          <dd>{key.expires ? <When instant={key.expires} /> : 'never'}</dd>
        </div>
      </dl>
      {key.secret && (
        <details open={isNew}>
          <summary>Code with this key</summary>
          <Snippets secret={key.secret} scope={key.scope} />
        </details>
      )}
      {isAsking && (
        <Confirm title="Revoke this key?" action="Revoke the key" onConfirm={revoke} onClose={() => setIsAsking(false)}>
          <p>
            Whatever uses <strong>{key.name}</strong> is refused from then on. It cannot be brought back. What was stored with it
            stays.
          </p>
        </Confirm>
      )}
    </li>
  )
}

function Secret({ apiKey: { name, secret } }: { apiKey: ApiKey }) {
  const [isShown, setIsShown] = useState(false)
  if (secret === null)
    return <p className="key-secret">Issued by another service. Only its hash is here, so it cannot be shown.</p>
  return (
    <div className="key-secret">
      <code className="cid">{isShown ? secret : `${secret.slice(0, 5)}…${secret.slice(-5)}`}</code>
      <Button size="small" kind="quiet" aria-pressed={isShown} onClick={() => setIsShown(!isShown)}>
        {isShown ? 'Hide' : 'Show'}
      </Button>
      <CopyButton text={secret} label={`Copy the key ${name}`} />
    </div>
  )
}
