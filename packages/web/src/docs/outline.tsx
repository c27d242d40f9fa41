import { useEffect } from 'react'
import type { Block } from './document.ts'

const leastEntries = 4

/** Links to the parts of a long page. Also goes to the part that the address names, which was not there when the page was opened. */
export function Outline({ blocks }: { blocks: readonly Block[] }) {
  useEffect(() => {
    const id = decodeURIComponent(location.hash.slice(1))
    if (id) document.getElementById(id)?.scrollIntoView()
  }, [])
  const parts = blocks.filter((block) => block.kind === 'heading' && block.depth === 2) as Extract<Block, { kind: 'heading' }>[]
  if (parts.length < leastEntries) return null
  return (
    <nav aria-label="On this page" className="outline">
      <ul>
        {parts.map(({ id, text }) => (
          <li key={id}>
            <a href={`#${id}`}>{text.map((one) => ('text' in one && typeof one.text === 'string' ? one.text : '')).join('')}</a>
          </li>
        ))}
      </ul>
    </nav>
  )
}
