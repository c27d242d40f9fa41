import { useCallback } from 'react'
import { useParams } from 'wouter'
import { useResource } from '../api/use-resource.ts'
import { NavLink } from '../site/nav-link.tsx'
import { NotFound } from '../site/not-found.tsx'
import { paths } from '../site/paths.ts'
import { FailureNotice } from '../ui/notice.tsx'
import { useTitle } from '../ui/page.tsx'
import { Skeleton } from '../ui/skeleton.tsx'
import { Blocks } from './blocks.tsx'
import { catalog, type DocsPage as Entry } from './catalog.ts'
import { loadDocument } from './load-document.ts'
import { Outline } from './outline.tsx'

export default function DocsPage() {
  const { page } = useParams<{ page: string }>()
  const entry = catalog.find(({ name }) => name === page)
  return entry ? <DocsArticle entry={entry} /> : <NotFound />
}

function DocsArticle({ entry }: { entry: Entry }) {
  useTitle(entry.title)
  const document = useResource(useCallback(() => loadDocument(entry.name), [entry.name]))
  return (
    <div className="page docs">
      <nav aria-label="Documentation" className="docs-nav">
        <ul>
          {catalog.map(({ name, title }) => (
            <li key={name}>
              <NavLink to={`${paths.docs}/${name}`}>{title}</NavLink>
            </li>
          ))}
          <li>
            <a href="/api/docs">The API</a>
          </li>
        </ul>
      </nav>
      <article className="prose">
        <h1>{entry.title}</h1>
        {document.status === 'loading' && <Skeleton lines={8} />}
        {document.status === 'failed' && <FailureNotice error={document.error} retry={document.reload} />}
        {document.value && (
          <>
            <Outline blocks={document.value.blocks} />
            <Blocks blocks={document.value.blocks} />
          </>
        )}
      </article>
    </div>
  )
}
