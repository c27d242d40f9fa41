import './market.css'

export interface MarketToken {
  name: string
  description: string
  imageUrl: string | undefined
  /** A film to show in place of the picture. */
  videoUrl?: string | undefined
  traits: readonly { key: string | number; type: string; value: string }[]
}

/** A token as a marketplace would show it. */
export function MarketCard({ token: { name, description, imageUrl, videoUrl, traits } }: { token: MarketToken }) {
  return (
    <aside className="market" aria-label="As a marketplace would show it">
      <p className="market-caption">As a marketplace would show it</p>
      <div className="market-card">
        <div className="market-media">
          {videoUrl ? (
            <video src={videoUrl} poster={imageUrl} controls muted loop />
          ) : imageUrl ? (
            <img src={imageUrl} alt="What the token shows" referrerPolicy="no-referrer" />
          ) : (
            <span>No image</span>
          )}
        </div>
        <div className="market-text">
          <p className="market-name">
            <bdi>{name.trim() || 'Without a name'}</bdi>
          </p>
          {description.trim() && (
            // biome-ignore lint/a11y/noNoninteractiveTabindex: it may be longer than its place, so keys have to reach and scroll it
            <p className="market-description" tabIndex={0}>
              <bdi>{description}</bdi>
            </p>
          )}
          {traits.length > 0 && (
            <dl className="market-traits">
              {traits.map(({ key, type, value }) => (
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
