import { useCallback } from 'react'
import { useResource } from '../api/use-resource.ts'
import { FailureNotice } from '../ui/notice.tsx'
import { Page } from '../ui/page.tsx'
import { Skeleton } from '../ui/skeleton.tsx'
import { Blocks } from './blocks.tsx'
import { loadDocument } from './load-document.ts'

export default function TermsPage() {
  const terms = useResource(useCallback(() => loadDocument('terms'), []))
  return (
    <Page title="Terms" width="text">
      <article className="prose">
        {terms.status === 'loading' && <Skeleton lines={8} />}
        {terms.status === 'failed' && <FailureNotice error={terms.error} retry={terms.reload} />}
        {terms.value && <Blocks blocks={terms.value.blocks} />}
      </article>
    </Page>
  )
}
