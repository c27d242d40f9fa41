import type { ProviderDeal } from '@keepsake/api/storage-providers.ts'
import { CodeBlock } from '../ui/code-block.tsx'
import { Tabs } from '../ui/tabs.tsx'

/** Shown at once; the others come when these are done. */
const most = 20

/** What a provider types to bring the pieces that were proposed to it into its sectors. */
export function ImportCommands({ deals, portalUrl }: { deals: readonly ProviderDeal[]; portalUrl: string }) {
  const waiting = deals.filter(({ state, proposalCid }) => ['proposed', 'delivered'].includes(state) && proposalCid !== null)
  if (waiting.length === 0) return null
  const base = portalUrl.replace(/\/sp$/, '')
  const shown = waiting.slice(0, most)
  const aria2c = shown.map(({ pieceCid }) => `aria2c -x 8 -s 8 -c -o ${pieceCid}.car ${base}/piece/${pieceCid}`)
  const boost = shown.map(({ pieceCid, proposalCid }) => `boostd import-data ${proposalCid} ${pieceCid}.car`)
  const curio = `[[Market.StorageMarketConfig.PieceLocator]]\n  URL = "${base}/piece"`
  return (
    <section className="admin-section" aria-labelledby="import">
      <h2 id="import">Download and import</h2>
      <p>
        {waiting.length === 1 ? 'One piece waits' : `${waiting.length} pieces wait`} to be downloaded and sealed
        {waiting.length > most && `; these are the newest ${most}`}. Where downloads need signed links, take them from{' '}
        <code>sh keepsake-sp.sh pending</code>.
      </p>
      <Tabs
        label="How to import"
        tabs={[
          { id: 'aria2c', label: 'aria2c', content: <CodeBlock label="Download" code={aria2c.join('\n')} /> },
          { id: 'boost', label: 'Boost', content: <CodeBlock label="Import into Boost" code={boost.join('\n')} /> },
          { id: 'curio', label: 'Curio', content: <CodeBlock label="Let Curio find the pieces" code={curio} /> },
        ]}
      />
    </section>
  )
}
