import type { Nft } from '@keepsake/api/nft.ts'
import { useState } from 'react'
import type { ContentKind } from '../files/content-kind.ts'
import { contentUrl } from '../files/content-links.ts'
import { TokenPreview } from './token-preview.tsx'

const pictureMaxBytes = 64 * 1024 * 1024

/** The content itself, where a browser can show it, from the gateway. */
export function Preview({ file: { cid, name, size, pin }, kind }: { file: Nft; kind: ContentKind }) {
  const [failed, setFailed] = useState<string>()
  const url = contentUrl(cid, name.trim() ? { filename: name } : {})
  const onError = () => setFailed(url)
  if (failed === url || pin.missing) return null
  if (kind === 'token') return <TokenPreview cid={cid} />
  if (kind === 'image' && size <= pictureMaxBytes) {
    return (
      <aside className="preview" aria-label="The content">
        <img src={url} alt={`What is stored as ${name}`} decoding="async" referrerPolicy="no-referrer" onError={onError} />
      </aside>
    )
  }
  if (kind === 'video') {
    return (
      <aside className="preview" aria-label="The content">
        {/* biome-ignore lint/a11y/useMediaCaption: it is somebody's content, with the captions it has */}
        <video src={url} controls preload="metadata" onError={onError} />
      </aside>
    )
  }
  if (kind === 'audio') {
    return (
      <aside className="preview" aria-label="The content">
        {/* biome-ignore lint/a11y/useMediaCaption: as above */}
        <audio src={url} controls preload="metadata" onError={onError} />
      </aside>
    )
  }
  return null
}
