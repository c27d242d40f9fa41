import { Link } from 'wouter'
import { QuickStart } from '../quick-start/quick-start.tsx'
import { useSession } from '../session/session.tsx'
import { apiUrl } from '../site/gateway.ts'
import { paths } from '../site/paths.ts'
import { useTitle } from '../ui/page.tsx'
import { Engraving } from './engraving.tsx'

export function HomePage() {
  useTitle('Keepsake')
  return (
    <div className="page home">
      <Hero />
      <section className="home-section" aria-labelledby="start">
        <div className="home-aside">
          <h2 id="start">Store something now</h2>
          <p>
            This code speaks to <strong>{location.host}</strong>. The client's <code>store</code> keeps metadata and media
            together and gives the <code>ipfs://</code> URL to mint with.
          </p>
          <p>
            Every call, with every answer and error, is in the <a href="/api/docs">description of the API</a>.
          </p>
        </div>
        <QuickStart />
      </section>
      <Promises />
      <FromNftStorage />
    </div>
  )
}

function Hero() {
  const { status } = useSession()
  return (
    <section className="hero">
      <div>
        <h1>Keep what your tokens point to.</h1>
        <p className="lead">
          A token is a few bytes on a chain. The picture, the song and the traits are somewhere else, and they are gone when
          nobody keeps them. Keepsake keeps them: an open nft.storage that anyone can run, as somebody does here.
        </p>
        <p className="hero-actions">
          {status === 'signed-in' ? (
            <Link href={paths.upload} className="button button-main">
              Store something
            </Link>
          ) : (
            <Link href={paths.signIn} className="button button-main">
              Sign in and store something
            </Link>
          )}
          <Link href={paths.docs} className="button">
            Read how it works
          </Link>
        </p>
      </div>
      <Engraving />
    </section>
  )
}

const promises = [
  [
    'For artists and minters',
    'Drop in a file or a whole collection, get addresses that never change. Nobody can put other bytes behind them, not even whoever runs this server.',
  ],
  [
    'For people who write the code',
    'The published nft.storage client works unchanged. So do curl, ipfs-car and every tool that reads IPFS gateways.',
  ],
  [
    'For those who answer for it',
    'Run it yourself with one command. What is acknowledged is on disk; every byte is checked on the way in and on the way out; a failure has a reason you can read.',
  ],
] as const

function Promises() {
  return (
    <section className="home-section" aria-labelledby="whom">
      <h2 id="whom" className="home-aside">
        Who it is for
      </h2>
      <dl className="promises">
        {promises.map(([who, what]) => (
          <div key={who}>
            <dt>{who}</dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
    </section>
  )
}

function FromNftStorage() {
  return (
    <section className="home-section" aria-labelledby="moving">
      <div className="home-aside">
        <h2 id="moving">You used nft.storage?</h2>
        <p>
          It takes no uploads since June 2024. Your code goes on working here, with one more line. Keys that nft.storage gave you
          work too, once the operator of this server has imported them.
        </p>
        <p>
          <Link href={paths.faq}>Questions, answered</Link>
        </p>
      </div>
      <pre className="diff">
        <code>
          <span>{'const client = new NFTStorage({'}</span>
          <span>{'  token: process.env.NFT_STORAGE_KEY,'}</span>
          <ins>{`  endpoint: new URL('${apiUrl()}/'),`}</ins>
          <span>{'})'}</span>
        </code>
      </pre>
    </section>
  )
}
