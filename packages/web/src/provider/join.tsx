import { CodeBlock } from '../ui/code-block.tsx'

/** What a storage provider types, from the first step to a sealed piece. */
export function Join({ portalUrl }: { portalUrl: string }) {
  const begin = [
    `curl -O ${portalUrl}/keepsake-sp.sh`,
    'export KEEPSAKE_PROVIDER=f01234',
    'export FULLNODE_API_INFO="$(lotus auth api-info --perm sign | cut -d= -f2)"',
    'sh keepsake-sp.sh status',
  ].join('\n')
  const take = [
    'sh keepsake-sp.sh list',
    'sh keepsake-sp.sh request PIECE_CID',
    'sh keepsake-sp.sh download /data/pieces',
    'sh keepsake-sp.sh import /data/pieces',
  ].join('\n')
  return (
    <section className="admin-section" aria-labelledby="join">
      <h2 id="join">Take pieces yourself</h2>
      <p>
        A script does all of it; it shows who you are with a signature of your worker key, which stays with your Lotus node. It
        needs curl and jq.
      </p>
      <CodeBlock label="Begin" code={begin} />
      <p>
        Then ask the operator of this server to let you take pieces. It is signed too, so nobody else can ask in your name; the
        status says what came of it.
      </p>
      <CodeBlock
        label="Ask to be registered"
        code={'sh keepsake-sp.sh register "Example Ltd" Leipzig DE EU https://sp.example.com'}
      />
      <p>
        Once that is granted, list what you may take, take it, download it, and import it. The last line prints the commands for
        Boost, and the setting with which Curio finds the pieces by itself; your own page here shows them as well.
      </p>
      <CodeBlock label="List, take, download and import" code={take} />
    </section>
  )
}
