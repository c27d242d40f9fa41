import { Link } from 'wouter'
import { paths } from '../site/paths.ts'
import { Page } from '../ui/page.tsx'
import { catalog } from './catalog.ts'

export default function DocsIndexPage() {
  return (
    <Page title="Documentation" lead="How Keepsake works, for those who store and for those who run it." width="text">
      <ul className="docs-index">
        {catalog.map(({ name, title, about }) => (
          <li key={name}>
            <Link href={`${paths.docs}/${name}`}>{title}</Link>
            <p>{about}</p>
          </li>
        ))}
        <li>
          <a href="/api/docs">The API</a>
          <p>Every call, with every answer and error. For programs there is an OpenAPI document.</p>
        </li>
      </ul>
    </Page>
  )
}
