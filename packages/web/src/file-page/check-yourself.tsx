import type { ContentKind } from '../files/content-kind.ts'
import { gatewayUrl } from '../site/gateway.ts'
import { CodeBlock } from '../ui/code-block.tsx'
import { Tabs } from '../ui/tabs.tsx'

/** How to see that all this is true, without believing this page. */
export function CheckYourself({ cid, kind }: { cid: string; kind: ContentKind }) {
  const address = gatewayUrl(cid)
  const isToken = kind === 'token'
  const all = [
    {
      id: 'keepsake',
      label: 'keepsake',
      code: `npx keepsake get ${cid}${isToken ? '/metadata.json' : ''} --endpoint ${location.origin}`,
      tells: 'Fetches it and computes the hash of every block; a wrong byte ends it with an error.',
    },
    {
      id: 'ipfs-car',
      label: 'curl and ipfs-car',
      code: `curl --location '${address}?format=car' --output content.car\nnpx ipfs-car unpack content.car --root ${cid} --output content`,
      tells:
        'Fetches it as a CAR, in which every block stands with its CID, and lets a program that is not ours verify and unpack it.',
    },
    {
      id: 'status',
      label: 'What anybody can ask',
      code: `curl '${location.origin}/api/check/${cid}'`,
      tells: 'The same status as on this page. It needs no account.',
    },
  ]
  // The root of a token is dag-cbor, which ipfs-car does not unpack.
  const tabs = all.filter(({ id }) => !isToken || id !== 'ipfs-car')
  return (
    <section aria-labelledby="check-title">
      <h2 id="check-title">Check it yourself</h2>
      <Tabs
        label="Ways to check"
        tabs={tabs.map(({ id, label, code, tells }) => ({
          id,
          label,
          content: (
            <>
              <CodeBlock code={code} label={`Command: ${label}`} />
              <p className="check-tells">{tells}</p>
            </>
          ),
        }))}
      />
    </section>
  )
}
