import { useRef, useState } from 'react'
import { Link } from 'wouter'
import { RequireSession } from '../session/require-session.tsx'
import { useMe } from '../session/session.tsx'
import { paths } from '../site/paths.ts'
import { Notice } from '../ui/notice.tsx'
import { Page } from '../ui/page.tsx'
import type { Choice } from './choose/choice.ts'
import { DropZone } from './choose/drop-zone.tsx'
import { useLeaveWarning, useUploadList, useUploads } from './queue/use-uploads.ts'
import { UploadRow } from './upload-row.tsx'
import './upload.css'

export default function UploadPage() {
  return (
    <RequireSession>
      <Page
        title="Upload"
        lead="Files are packed and named here, in your browser: you see the CID before the first byte is sent."
        actions={
          <Link href={paths.token} className="button button-plain">
            Make an NFT
          </Link>
        }
      >
        <Uploading />
      </Page>
    </RequireSession>
  )
}

function Uploading() {
  const me = useMe()
  const uploads = useUploads()
  const list = useUploadList()
  const heading = useRef<HTMLHeadingElement>(null)
  const [problem, setProblem] = useState<string>()
  const isBusy = list.some(({ stage }) => stage === 'waiting' || stage === 'packing' || stage === 'sending')
  useLeaveWarning(isBusy)
  const begin = (choices: readonly Choice[]) => {
    const usable = choices.filter(({ request }) => !('files' in request) || request.files.length > 0)
    setProblem(usable.length < choices.length ? 'A folder without files in it cannot be stored.' : undefined)
    if (usable.length > 0) uploads.add(usable)
  }
  if (me.uploadsRestricted) {
    return (
      <Notice kind="bad">
        <p>Whoever runs this server has stopped uploads for your account. What you stored stays. Ask them what to do.</p>
      </Notice>
    )
  }
  return (
    <div className="stack">
      <DropZone onChoose={begin} onProblem={setProblem} />
      {problem && (
        <Notice kind="bad">
          <p>{problem}</p>
        </Notice>
      )}
      {list.length > 0 && (
        <section aria-labelledby="uploads-title" className="uploads">
          <h2 id="uploads-title" ref={heading} tabIndex={-1}>
            Your uploads
          </h2>
          <ul className="upload-list">
            {list.map((upload) => (
              <UploadRow key={upload.id} upload={upload} uploads={uploads} onGone={() => heading.current?.focus()} />
            ))}
          </ul>
        </section>
      )}
    </div>
  )
}
