import type { RemotePinStatus } from '@keepsake/api/pinning.ts'
import { useState } from 'react'
import { gatewayUrl } from '../site/gateway.ts'
import { Button } from '../ui/button.tsx'
import { Confirm } from '../ui/confirm.tsx'
import { CopyButton } from '../ui/copy-button.tsx'
import { formatBytes, formatCount } from '../ui/format.ts'
import { FailureNotice } from '../ui/notice.tsx'
import { useAction } from '../ui/use-action.ts'
import { When } from '../ui/when.tsx'
import { deletePin, isOpen, retryPin } from './pins.ts'

interface Props {
  request: RemotePinStatus
  onDeleted: () => void
  onReplaced: (by: RemotePinStatus) => void
}

const words = { queued: 'Queued', pinning: 'Pinning', pinned: 'Pinned', failed: 'Failed' } as const

/** What is here of it, while it is on its way and when it has come. */
function amountOf({ info = {} }: RemotePinStatus): string {
  const { blocks, bytes, dag_size: size = bytes } = info
  return [size && formatBytes(Number(size)), blocks && `${formatCount(Number(blocks))} ${blocks === '1' ? 'block' : 'blocks'}`]
    .filter(Boolean)
    .join(', ')
}

export function PinRow({ request, onDeleted, onReplaced }: Props) {
  const { status, created, pin, info } = request
  const [isAsking, setIsAsking] = useState(false)
  const retrying = useAction(async () => onReplaced(await retryPin(request)))
  const shortCid = `${pin.cid.slice(0, 10)}…${pin.cid.slice(-6)}`
  const name = pin.name ?? shortCid
  const amount = amountOf(request)
  return (
    <li className="card pin-row">
      <div className="pin-row-head">
        <h2>
          <bdi>{name}</bdi>
        </h2>
        <span className={`standing standing-${status}`}>
          <span className="standing-dot" aria-hidden="true" />
          {words[status]}
        </span>
      </div>
      <p className="pin-row-cid">
        <span className="cid" title={pin.cid}>
          {shortCid}
        </span>
        <CopyButton text={pin.cid} label={`Copy CID of ${name}`}>
          Copy CID
        </CopyButton>
      </p>
      {status !== 'pinned' && info?.status_details && <p className="pin-row-details">{info.status_details}</p>}
      {retrying.error !== undefined && <FailureNotice error={retrying.error} />}
      <div className="pin-row-foot">
        <span className="pin-row-facts numbers">
          {amount ? `${amount}, asked for` : 'Asked for'} <When instant={created} />
        </span>
        {status === 'pinned' && (
          <a href={gatewayUrl(pin.cid)} target="_blank" rel="noreferrer" className="button button-quiet button-small">
            Open
          </a>
        )}
        {status === 'failed' && (
          <Button size="small" busy={retrying.busy} onClick={() => void retrying.run()}>
            Try again
          </Button>
        )}
        <Button size="small" kind="quiet" className="danger-text" aria-label={`Unpin ${name}`} onClick={() => setIsAsking(true)}>
          {isOpen(request) ? 'Stop' : 'Unpin'}
        </Button>
      </div>
      {isAsking && (
        <Confirm
          title="Unpin this?"
          action="Unpin"
          onConfirm={async () => {
            await deletePin(request)
            onDeleted()
          }}
          onClose={() => setIsAsking(false)}
        >
          <p>
            <strong>{name}</strong> is kept for you no more. If you uploaded the same content, that upload stays.
          </p>
        </Confirm>
      )}
    </li>
  )
}
