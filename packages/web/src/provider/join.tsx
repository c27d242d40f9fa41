import { CodeBlock } from '../ui/code-block.tsx'
import { Tabs } from '../ui/tabs.tsx'

/** What a storage provider types, from the first step to a sealed piece. */
export function Join({ portalUrl }: { portalUrl: string }) {
  const base = portalUrl.replace(/\/sp$/, '')
  const begin = [
    `curl -O ${portalUrl}/keepsake-sp.sh`,
    'export KEEPSAKE_PROVIDER=f01234',
    'export FULLNODE_API_INFO="$(lotus auth api-info --perm sign | cut -d= -f2)"',
    'sh keepsake-sp.sh status',
  ].join('\n')
  const take = ['sh keepsake-sp.sh list', 'sh keepsake-sp.sh request PIECE_CID', 'sh keepsake-sp.sh download /data/pieces'].join(
    '\n',
  )
  const boost = 'sh keepsake-sp.sh import /data/pieces\nboostd import-data PROPOSAL_CID /data/pieces/PIECE_CID.car'
  const curio = `[[Market.StorageMarketConfig.PieceLocator]]\n  URL = "${base}/piece"`
  const aria = `aria2c -x 8 -s 8 -c -o PIECE_CID.car '${base}/piece/PIECE_CID'`
  return (
    <section className="admin-section" aria-labelledby="join">
      <h2 id="join">Take pieces yourself</h2>
      <p>
        Ask the operator of this server to register you: your number, organisation, city, country and continent. Then a script
        does the rest; it shows who you are with a signature of your worker key.
      </p>
      <CodeBlock label="Begin" code={begin} />
      <CodeBlock label="List, take and download" code={take} />
      <Tabs
        label="How to import"
        tabs={[
          { id: 'boost', label: 'Boost', content: <CodeBlock label="Import into Boost" code={boost} /> },
          { id: 'curio', label: 'Curio', content: <CodeBlock label="Let Curio find the pieces" code={curio} /> },
          { id: 'aria2c', label: 'aria2c alone', content: <CodeBlock label="Download one piece" code={aria} /> },
        ]}
      />
    </section>
  )
}
