import { useRef, useState } from 'react'
import { Link } from 'wouter'
import { sentenceOf } from '../api/failure.ts'
import { fileHref } from '../files/file-href.ts'
import { Button } from '../ui/button.tsx'
import { CopyButton } from '../ui/copy-button.tsx'
import { formatBytes, formatCount } from '../ui/format.ts'
import { reopen, requestAgain } from './choose/choose-again.ts'
import type { PackRequest } from './pack/pack-request.ts'
import type { Upload } from './queue/upload.ts'
import type { Uploads } from './queue/uploads.ts'
import { UploadProgress } from './upload-progress.tsx'

interface RowProps {
  upload: Upload
  uploads: Uploads
  /** Told when this row is taken away, so that the focus goes somewhere. */
  onGone: () => void
}

export function UploadRow({ upload, uploads, onGone }: RowProps) {
  const { id, name, cid, stage, nft } = upload
  const dismiss = () => {
    uploads.dismiss(id)
    onGone()
  }
  return (
    <li className={`upload upload-${stage}`} data-stage={stage}>
      <div className="upload-body">
        <div className="upload-head">
          <p className="upload-name">
            <bdi>{name}</bdi>
          </p>
          <p className="upload-kind">{describe(upload)}</p>
        </div>
        {cid && (
          <div className="upload-cid">
            <span className="cid">{cid}</span>
            <CopyButton text={cid} label={`Copy CID of ${name}`}>
              Copy CID
            </CopyButton>
          </div>
        )}
        <UploadProgress upload={upload} />
      </div>
      <div className="upload-actions">
        {nft && (
          <Link href={fileHref(nft.cid)} className="button button-small">
            See where it stands
          </Link>
        )}
        <UploadActions upload={upload} uploads={uploads} />
        <Button size="small" kind="quiet" onClick={dismiss} aria-label={`${stage === 'done' ? 'Clear' : 'Cancel'}: ${name}`}>
          {stage === 'done' ? 'Clear' : 'Cancel'}
        </Button>
      </div>
    </li>
  )
}

function describe({ kind, fileCount, totalBytes }: Upload): string {
  const size = formatBytes(totalBytes)
  if (kind === 'directory') return `${formatCount(fileCount)} ${fileCount === 1 ? 'file' : 'files'}, ${size}`
  if (kind === 'car') return `CAR, ${size}`
  return kind === 'token' ? `NFT, ${size}` : size
}

function UploadActions({ upload: { id, name, stage }, upload, uploads }: Pick<RowProps, 'upload' | 'uploads'>) {
  if (stage === 'needs-files') return <ChooseAgain upload={upload} uploads={uploads} />
  if (stage === 'paused' || stage === 'failed') {
    return (
      <Button
        size="small"
        onClick={() => uploads.resume(id)}
        aria-label={`${stage === 'paused' ? 'Resume' : 'Try again'}: ${name}`}
      >
        {stage === 'paused' ? 'Resume' : 'Try again'}
      </Button>
    )
  }
  if (stage === 'done') return null
  return (
    <Button size="small" onClick={() => uploads.pause(id)} aria-label={`Pause: ${name}`}>
      Pause
    </Button>
  )
}

function ChooseAgain({ upload: { id, isFolder, kind, hasHandle }, uploads }: Pick<RowProps, 'upload' | 'uploads'>) {
  const input = useRef<HTMLInputElement>(null)
  const [problem, setProblem] = useState<string>()
  const provide = async (request: () => PackRequest | Promise<PackRequest>) => {
    setProblem(undefined)
    try {
      uploads.provide(id, await request())
    } catch (error) {
      setProblem(sentenceOf(error))
    }
  }
  const record = uploads.remembered(id)
  if (!record) return null
  const what = isFolder ? 'the folder' : kind === 'directory' || kind === 'token' ? 'the files' : 'the file'
  return (
    <>
      {hasHandle && (
        <Button size="small" kind="main" onClick={() => void provide(() => reopen(record))}>
          Continue
        </Button>
      )}
      <Button size="small" onClick={() => input.current?.click()}>
        Choose {what} again
      </Button>
      <input
        ref={input}
        type="file"
        hidden
        multiple={kind !== 'file' && kind !== 'car'}
        aria-label={`Choose ${what} again`}
        data-choose="again"
        {...(isFolder && { webkitdirectory: '' })}
        onChange={(event) => {
          const files = [...(event.target.files ?? [])]
          event.target.value = ''
          if (files.length > 0) void provide(() => requestAgain(record, files))
        }}
      />
      {problem && (
        <p className="field-error" role="alert">
          {problem}
        </p>
      )}
    </>
  )
}
