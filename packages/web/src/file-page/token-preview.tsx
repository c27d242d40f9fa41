import { useCallback } from 'react'
import { sentenceOf } from '../api/failure.ts'
import { useResource } from '../api/use-resource.ts'
import { contentUrl } from '../files/content-links.ts'
import { MarketCard } from '../token-form/market-card.tsx'
import { Notice } from '../ui/notice.tsx'
import { Skeleton } from '../ui/skeleton.tsx'

/** A stored token as a marketplace would show it. */
export function TokenPreview({ cid }: { cid: string }) {
  const load = useCallback(
    async (signal: AbortSignal) => {
      // What reads blocks is large, and only tokens need it.
      const { readToken } = await import('./read-token.ts')
      return await readToken(cid, (of, path) => contentUrl(of, {}, path), signal)
    },
    [cid],
  )
  const token = useResource(load)
  if (token.status === 'loading') return <Skeleton lines={6} />
  if (token.status === 'ready') return <MarketCard token={token.value} />
  return (
    <Notice kind="neutral">
      <p>This token cannot be shown as a marketplace would. {sentenceOf(token.error)}</p>
    </Notice>
  )
}
