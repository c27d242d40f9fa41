import type { ApiKey } from '@keepsake/api/keys.ts'
import { apiUrl } from '../site/gateway.ts'
import { CodeBlock } from '../ui/code-block.tsx'
import { Tabs } from '../ui/tabs.tsx'

/** Stands where the key has to be while there is none to fill in. */
const noKey = 'YOUR_API_KEY'

interface Filled {
  /** `https://keepsake.example/api` */
  api: string
  key: string
}

const curl = ({ api, key }: Filled) => `echo 'hello world!' > hello.txt
curl --fail-with-body -H 'Authorization: Bearer ${key}' \\
  -H 'Content-Type: text/plain' --data-binary @hello.txt \\
  ${api}/upload`

const client = ({ api, key }: Filled) => `// npm install nft.storage
import { NFTStorage, File } from 'nft.storage'

const client = new NFTStorage({
  token: '${key}',
  endpoint: new URL('${api}/'),
})

const token = await client.store({
  name: 'Pinpie',
  description: 'A pie with a pin in it.',
  image: new File([new Uint8Array([137, 80, 78, 71])], 'pinpie.png', { type: 'image/png' }),
})
console.log(token.url) // the URL to mint with`

const command = ({ api, key }: Filled) => `# in a checkout of Keepsake
export KEEPSAKE_ENDPOINT=${new URL(api).origin}
export KEEPSAKE_KEY=${key}
npx keepsake store collection   # a file or a folder
npx keepsake list`

const kubo = ({ api, key }: Filled) => `# Kubo: have this server keep what your node has, or any CID of the network
ipfs pin remote service add keepsake ${api} ${key}
ipfs pin remote add --service=keepsake --name='my collection' --background CID
ipfs pin remote ls --service=keepsake --status=queued,pinning,pinned,failed`

const pins = ({ api, key }: Filled) => `curl --fail-with-body -H 'Authorization: Bearer ${key}' \\
  -H 'Content-Type: application/json' --data '{"cid":"CID","name":"my collection"}' \\
  ${api}/pins`

const list = ({ api, key }: Filled) => `curl --fail-with-body -H 'Authorization: Bearer ${key}' \\
  '${api}/?limit=10&sort=newest'`

interface Example {
  id: string
  label: string
  write: (filled: Filled) => string
}

const storing: Example[] = [
  { id: 'curl', label: 'curl', write: curl },
  { id: 'client', label: 'nft.storage client', write: client },
  { id: 'cli', label: 'Command line', write: command },
]
const pinning: Example = { id: 'kubo', label: 'Kubo', write: kubo }

/** What a key of each scope is for. */
const examplesOf: Record<ApiKey['scope'], Example[]> = {
  all: [...storing, pinning],
  upload: storing,
  read: [{ id: 'list', label: 'curl', write: list }],
  pins: [pinning, { id: 'pins', label: 'curl', write: pins }],
}

/** Code that works at this very server, with a key of whoever is signed in when one was chosen. */
export function Snippets({ secret, scope = 'all' }: { secret?: string | undefined; scope?: ApiKey['scope'] }) {
  const filled = { api: apiUrl(), key: secret ?? noKey }
  const tabs = examplesOf[scope].map(({ id, label, write }) => ({
    id,
    label,
    content: <CodeBlock label={`${label} example`} code={write(filled)} secret={secret} />,
  }))
  return <Tabs key={scope} label="Code to begin with" tabs={tabs} />
}
