import { useEffect, useState } from 'react'
import { formatBytes } from '../ui/format.ts'
import type { Upload } from './queue/upload.ts'
import type { Wait } from './send/persist.ts'

/** How far an upload is, in bytes, and in words what it does or waits for. */
export function UploadProgress({ upload }: { upload: Upload }) {
  const { stage, name, readBytes, totalBytes, sentBytes, carBytes = 0 } = upload
  if (stage === 'packing') return <Bar label={`Packing ${name}`} value={readBytes} of={totalBytes} text="Packing" />
  if (stage === 'sending') {
    return (
      <>
        <Bar label={`Sending ${name}`} value={sentBytes} of={carBytes} text="Sending" />
        {upload.wait && <Waiting wait={upload.wait} />}
      </>
    )
  }
  return (
    <>
      {stage === 'paused' && carBytes > 0 && <Bar label={`Sending ${name}`} value={sentBytes} of={carBytes} text="Paused" />}
      <p className={`upload-status ${stage === 'failed' ? 'field-error' : ''}`} role={stage === 'failed' ? 'alert' : undefined}>
        {sentenceFor(upload)}
      </p>
    </>
  )
}

function sentenceFor({ stage, problem, nft, carBytes, acknowledgedCount, partCount }: Upload): string {
  if (stage === 'waiting') return 'Waiting for its turn.'
  if (stage === 'failed') return problem ?? 'Something went wrong.'
  if (stage === 'paused') return carBytes ? '' : 'Paused before it was packed.'
  if (stage === 'needs-files') {
    return partCount
      ? `Interrupted: the server holds ${acknowledgedCount} of ${partCount} parts. Choose the same again, and only the rest is sent.`
      : 'Interrupted before anything was sent. Choose the same again to go on.'
  }
  if (nft?.pin.status === 'pinned') return 'Stored, checked block by block, and pinned.'
  if (nft?.pin.missing) return 'Stored as it is. Some of its blocks are still missing; its page says which.'
  return 'Stored and checked block by block. Pinning it now.'
}

function Bar({ label, value, of, text }: { label: string; value: number; of: number; text: string }) {
  const percent = of === 0 ? 100 : Math.floor((value / of) * 100)
  return (
    <div className="upload-bar">
      <progress aria-label={label} max={Math.max(of, 1)} value={of === 0 ? 1 : value} />
      <p className="upload-status">
        {text}: <span className="numbers">{`${formatBytes(value)} of ${formatBytes(of)}, ${percent} %`}</span>
      </p>
    </div>
  )
}

function Waiting({ wait: { sentence, until } }: { wait: Wait }) {
  const [now, setNow] = useState(Date.now)
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000)
    return () => clearInterval(timer)
  }, [])
  const seconds = Math.max(1, Math.ceil((until - now) / 1000))
  return (
    <p className="upload-status upload-wait" role="status">
      {sentence} <span aria-hidden="true">Trying again in {seconds} s.</span> Nothing that was sent is lost.
    </p>
  )
}
