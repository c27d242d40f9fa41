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

/** Code that works at this very server, with a key of whoever is signed in when one was chosen. */
export function Snippets({ secret }: { secret?: string | undefined }) {
  const filled = { api: apiUrl(), key: secret ?? noKey }
  const tab = (id: string, label: string, write: (filled: Filled) => string) => ({
    id,
    label,
    content: <CodeBlock label={`${label} example`} code={write(filled)} secret={secret} />,
  })
  return (
    <Tabs
      label="How to store something"
      tabs={[tab('curl', 'curl', curl), tab('client', 'nft.storage client', client), tab('cli', 'Command line', command)]}
    />
  )
}
