import { useState } from 'react'
import type { ContentKind } from './content-kind.ts'
import { contentUrl } from './content-links.ts'

/** Larger pictures are not loaded for a thumbnail. */
const thumbnailMaxBytes = 16 * 1024 * 1024

interface ThumbnailProps {
  cid: string
  name: string
  kind: ContentKind
  sizeBytes: number
}

/** A small picture of a content, or a sign of what it is. */
export function Thumbnail({ cid, name, kind, sizeBytes }: ThumbnailProps) {
  const [hasFailed, setHasFailed] = useState(false)
  if (kind !== 'image' || hasFailed || sizeBytes > thumbnailMaxBytes) return <KindSign kind={kind} />
  return (
    <span className="thumbnail">
      <img
        src={contentUrl(cid, { filename: name })}
        alt=""
        width="48"
        height="48"
        loading="lazy"
        decoding="async"
        referrerPolicy="no-referrer"
        onError={() => setHasFailed(true)}
      />
    </span>
  )
}

const signs: Record<ContentKind, string> = {
  image: 'M4 6h16v12H4zM4 15l5-4 4 3 3-2 4 3M9 9.2v.1',
  video: 'M4 6h16v12H4zM10 9.5v5l4.5-2.5z',
  audio: 'M9 17.5V6.5l9-2v11M9 17.5a2.2 2.2 0 1 1-4.4 0 2.2 2.2 0 0 1 4.4 0zM18 15.5a2.2 2.2 0 1 1-4.4 0 2.2 2.2 0 0 1 4.4 0z',
  model: 'M12 3.5l7.5 4.2v8.6L12 20.5l-7.5-4.2V7.7zM4.5 7.7L12 12l7.5-4.3M12 12v8.5',
  text: 'M6 3.5h8l4 4v13H6zM14 3.5v4h4M9 12h6M9 15.5h6',
  token: 'M12 3l8 5v8l-8 5-8-5V8zM12 8.2l3.6 3.8-3.6 3.8L8.4 12z',
  directory: 'M3.5 6h6l2 2.5h9v10h-17z',
  file: 'M6 3.5h8l4 4v13H6zM14 3.5v4h4',
}

function KindSign({ kind }: { kind: ContentKind }) {
  return (
    <span className={`thumbnail thumbnail-sign thumbnail-${kind}`}>
      <svg viewBox="0 0 24 24" width="26" height="26" aria-hidden="true">
        <path d={signs[kind]} fill="none" stroke="currentColor" strokeWidth="1.5" strokeLinejoin="round" strokeLinecap="round" />
      </svg>
    </span>
  )
}
