import { useEffect, useState } from 'react'
import type { TokenDraft } from './token-draft.ts'

/** The address of a file of this page, for as long as it is shown. */
function useFileUrl(file: File | undefined): string | undefined {
  const [url, setUrl] = useState<string>()
  useEffect(() => {
    if (!file) return setUrl(undefined)
    const made = URL.createObjectURL(file)
    setUrl(made)
    return () => URL.revokeObjectURL(made)
  }, [file])
  return url
}

/** The token as a marketplace would show it. */
export function MarketPreview({ draft: { name, description, image, animation, traits } }: { draft: TokenDraft }) {
  const imageUrl = useFileUrl(image)
  const animationUrl = useFileUrl(animation)
  const shown = traits.filter(({ type, value }) => type.trim() && value.trim())
  return (
    <aside className="market" aria-label="As a marketplace would show it">
      <p className="market-caption">As a marketplace would show it</p>
      <div className="market-card">
        <div className="market-media">
          {animationUrl && animation?.type.startsWith('video/') ? (
            <video src={animationUrl} poster={imageUrl} controls muted loop />
          ) : imageUrl ? (
            <img src={imageUrl} alt="What the token will show" />
          ) : (
            <span>No image yet</span>
          )}
        </div>
        <div className="market-text">
          <p className="market-name">
            <bdi>{name.trim() || 'Without a name'}</bdi>
          </p>
          {description.trim() && (
            <p className="market-description">
              <bdi>{description}</bdi>
            </p>
          )}
          {shown.length > 0 && (
            <dl className="market-traits">
              {shown.map(({ key, type, value }) => (
                <div key={key}>
                  <dt>
                    <bdi>{type}</bdi>
                  </dt>
                  <dd>
                    <bdi>{value}</bdi>
                  </dd>
                </div>
              ))}
            </dl>
          )}
        </div>
      </div>
    </aside>
  )
}
