import type { DealsOverview as Overview } from '@keepsake/api/deals.ts'
import { formatBytes, formatCount } from '../ui/format.ts'
import { Notice } from '../ui/notice.tsx'

/** How deals stand as a whole, and what stands in their way. */
export function DealsOverview({ overview }: { overview: Overview }) {
  const { pieces, wanted, providers, chain, chainTrouble, client } = overview
  return (
    <section aria-label="Overview" className="deals-overview">
      {chainTrouble && <Notice kind="bad">{chainTrouble}</Notice>}
      {chain?.isDevnet && <Notice kind="neutral">devnet: simulated storage providers on this machine</Notice>}
      {providers.active === 0 && pieces.built > 0 && (
        <Notice kind="bad">
          {pieces.built === 1 ? 'One aggregate is' : `${formatCount(pieces.built)} aggregates are`} built, and no storage provider
          is registered that could take them.
        </Notice>
      )}
      <dl className="deal-facts">
        <Fact name="Aggregates built" value={formatCount(pieces.built)} />
        <Fact name={`With fewer than ${wanted} live deals`} value={formatCount(pieces.short)} isBad={pieces.short > 0} />
        <Fact name="With none" value={formatCount(pieces.withoutDeal)} isBad={pieces.withoutDeal > 0} />
        <Fact
          name="Storage providers"
          value={`${formatCount(providers.active)}${providers.suspended > 0 ? `, ${providers.suspended} suspended` : ''}`}
        />
        {chain && <Fact name="Network" value={chain.network} />}
        {chain && (
          <Fact
            name="Chain followed to"
            value={
              chain.followedTo === null
                ? 'not followed yet'
                : `epoch ${formatCount(chain.followedTo)} of ${formatCount(chain.epoch)}`
            }
          />
        )}
      </dl>
      {overview.states.length > 0 && (
        <p className="deal-states">
          {overview.states.map(({ state, deals, bytes }) => (
            <span key={state} className={`deal-tag deal-${state}`}>
              {formatCount(deals)} {state}, {formatBytes(bytes)}
            </span>
          ))}
        </p>
      )}
      <p className="field-hint">
        {client ? (
          <>
            Proposals are signed by <code>{client}</code>.
          </>
        ) : (
          'The key that signs proposals is made with the first one; or bring yours: npx keepsake wallet import'
        )}
      </p>
    </section>
  )
}

function Fact({ name, value, isBad = false }: { name: string; value: string; isBad?: boolean }) {
  return (
    <div className={isBad ? 'deal-fact deal-fact-short' : 'deal-fact'}>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  )
}
