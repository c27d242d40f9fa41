import { type FormEvent, useState } from 'react'
import { Link } from 'wouter'
import { fileHref } from '../files/file-href.ts'
import { RequireSession } from '../session/require-session.tsx'
import { paths } from '../site/paths.ts'
import { Button } from '../ui/button.tsx'
import { CopyButton } from '../ui/copy-button.tsx'
import { TextField } from '../ui/field.tsx'
import { Notice } from '../ui/notice.tsx'
import { Page } from '../ui/page.tsx'
import type { Upload } from '../upload/queue/upload.ts'
import { useLeaveWarning, useUploadList, useUploads } from '../upload/queue/use-uploads.ts'
import { UploadProgress } from '../upload/upload-progress.tsx'
import { FileField } from './file-field.tsx'
import { MarketPreview } from './market-preview.tsx'
import { emptyToken, type TokenDraft, tokenRequest, traitProblem } from './token-draft.ts'
import { TraitFields } from './trait-fields.tsx'
import '../upload/upload.css'
import './token-form.css'

export default function TokenPage() {
  return (
    <RequireSession>
      <Page
        title="Make an NFT"
        lead="Metadata and media are stored together under one CID. What you get is the URL to mint with, for ERC-721 and ERC-1155."
      >
        <TokenMaker />
      </Page>
    </RequireSession>
  )
}

function TokenMaker() {
  const uploads = useUploads()
  const list = useUploadList()
  const [draft, setDraft] = useState<TokenDraft>(emptyToken)
  const [uploadId, setUploadId] = useState<string>()
  const upload = list.find(({ id }) => id === uploadId)
  useLeaveWarning(upload !== undefined && upload.stage !== 'done')
  const store = () => setUploadId(uploads.add([{ name: draft.name, request: tokenRequest(draft) }])[0])
  return (
    <div className="token-form">
      {upload ? (
        <TokenUpload
          upload={upload}
          onResume={() => uploads.resume(upload.id)}
          onBack={() => {
            if (upload.stage !== 'done') uploads.dismiss(upload.id)
            setUploadId(undefined)
          }}
          onAnother={() => {
            setDraft(emptyToken)
            setUploadId(undefined)
          }}
        />
      ) : (
        <TokenFields draft={draft} onChange={setDraft} onStore={store} />
      )}
      <MarketPreview draft={draft} />
    </div>
  )
}

interface TokenFieldsProps {
  draft: TokenDraft
  onChange: (draft: TokenDraft) => void
  onStore: () => void
}

function TokenFields({ draft, onChange, onStore }: TokenFieldsProps) {
  const [wasTried, setWasTried] = useState(false)
  const change = (part: Partial<TokenDraft>) => onChange({ ...draft, ...part })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    setWasTried(true)
    if (draft.image && draft.name.trim() && !draft.traits.some(traitProblem)) onStore()
  }
  return (
    <form className="stack card" onSubmit={submit} noValidate>
      <FileField
        label="Image"
        accept="image/*"
        file={draft.image}
        onChange={(image) => change({ image })}
        hint="PNG, JPEG, GIF, WebP, AVIF or SVG. It is stored as it is."
        error={wasTried && !draft.image ? 'A token needs an image.' : undefined}
      />
      <TextField
        label="Name"
        dir="auto"
        value={draft.name}
        maxLength={1024}
        onChange={(event) => change({ name: event.target.value })}
        error={wasTried && !draft.name.trim() ? 'Give it a name.' : undefined}
      />
      <div className="field">
        <label htmlFor="token-description">Description</label>
        <textarea
          id="token-description"
          dir="auto"
          rows={4}
          value={draft.description}
          onChange={(event) => change({ description: event.target.value })}
        />
      </div>
      <FileField
        label="Video, sound or 3D model"
        accept="video/*,audio/*,.glb,.gltf,text/html,.html"
        file={draft.animation}
        onChange={(animation) => change({ animation })}
        hint="Not needed. It becomes animation_url, which marketplaces show in place of the image."
      />
      <TextField
        label="Link to a page about it"
        type="url"
        placeholder="https://"
        value={draft.externalUrl}
        onChange={(event) => change({ externalUrl: event.target.value })}
        hint="Not needed. It becomes external_url."
      />
      <TraitFields traits={draft.traits} onChange={(traits) => change({ traits })} wasTried={wasTried} />
      <Button kind="main" type="submit">
        Store it
      </Button>
    </form>
  )
}

interface TokenUploadProps {
  upload: Upload
  onResume: () => void
  onBack: () => void
  onAnother: () => void
}

function TokenUpload({ upload, onResume, onBack, onAnother }: TokenUploadProps) {
  const { cid, stage } = upload
  const url = `ipfs://${cid}/metadata.json`
  if (stage !== 'done' || !cid) {
    return (
      <div className="stack card">
        <h2>Storing</h2>
        <UploadProgress upload={upload} />
        <div className="row">
          {stage === 'failed' && <Button onClick={onResume}>Try again</Button>}
          <Button kind="quiet" onClick={onBack}>
            Back to the form
          </Button>
        </div>
      </div>
    )
  }
  return (
    <div className="stack card">
      <Notice kind="good">
        <p>Stored and checked. Mint with this URL: it names the content, so nobody can put something else in its place.</p>
      </Notice>
      <p className="mint-url">
        <code>{url}</code>
        <CopyButton text={url} label="Copy the URL to mint with" />
      </p>
      <details>
        <summary>metadata.json</summary>
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it may be wider than the screen, so keys have to reach and scroll it */}
        <pre className="metadata" tabIndex={0}>
          {JSON.stringify(upload.tokenData, undefined, 2)}
        </pre>
      </details>
      <div className="row">
        <Link href={fileHref(cid)} className="button">
          See where it stands
        </Link>
        <Button onClick={onAnother}>Make another</Button>
        <Link href={paths.files} className="button button-quiet">
          To your files
        </Link>
      </div>
    </div>
  )
}
