import type { TimelineStep } from '@keepsake/api/timeline.ts'
import { formatAddress, idAddress } from '@keepsake/filecoin/address.ts'
import { devnetLabel, findSource } from '../chain/source.ts'
import type { Db } from '../database/database.ts'
import type { TimelineSource } from '../uploads/timeline.ts'
import { outcomeText, wayText } from './retrievals.ts'
import { type ContentRetrieval, listOfContent } from './store.ts'

/** When a content was fetched back last from each storage provider, and what came of it. There is none before the first time. */
export function retrievalTimeline({ database }: { database: Db }): TimelineSource {
  return async ({ contentId }) => {
    const source = await findSource(database)
    if (!source) return []
    const found = await listOfContent(database, contentId, source.network)
    return found.map((one) => stepOf(one, source.isDevnet))
  }
}

function stepOf(retrieval: ContentRetrieval, isDevnet: boolean): TimelineStep {
  const { actorId, name, outcome, way, reason, firstByteMs, durationMs, bytes, at } = retrieval
  const address = formatAddress(idAddress(actorId))
  const isGood = outcome === 'ok'
  const text = isGood
    ? `Asked as a stranger would, ${name || address} gave it back in every way it can be asked for, and every byte was right.`
    : `Asked for ${wayText[way]}, ${outcomeText[outcome]}${reason ? `: ${reason}` : '.'}`
  return {
    step: `retrieved:${address}`,
    state: isGood ? 'done' : 'failed',
    title: isGood ? `Last fetched back from ${address}` : `Not given back by ${address}`,
    text: isDevnet ? `${text} (${devnetLabel})` : text,
    at: at.toISOString(),
    evidence: [
      { label: 'Storage provider', value: address, kind: 'id' },
      { label: 'Asked for', value: wayText[way], kind: 'text' },
      ...(firstByteMs === null ? [] : [{ label: 'First byte after', value: `${firstByteMs} ms`, kind: 'text' as const }]),
      { label: 'Took', value: `${durationMs} ms`, kind: 'text' },
      { label: 'Received', value: String(bytes), kind: 'bytes' },
    ],
    checks: [],
  }
}
