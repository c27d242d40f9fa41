import { Fragment, type ReactNode } from 'react'
import { Link } from 'wouter'
import { CodeBlock } from '../ui/code-block.tsx'
import { WideTable } from '../ui/wide-table.tsx'
import type { Block, Inline } from './document.ts'

/** A document's blocks as elements of the page. They are fixed, so their places are their keys. */
export function Blocks({ blocks }: { blocks: readonly Block[] }) {
  return blocks.map((block, i) => <Fragment key={keyOf(i)}>{renderBlock(block)}</Fragment>)
}

const keyOf = (place: number) => `at-${place}`

function renderBlock(block: Block): ReactNode {
  switch (block.kind) {
    case 'heading': {
      const Heading = `h${Math.min(block.depth, 4)}` as 'h2' | 'h3' | 'h4'
      return <Heading id={block.id}>{renderText(block.text)}</Heading>
    }
    case 'paragraph':
      return <p>{renderText(block.text)}</p>
    case 'list': {
      const List = block.isOrdered ? 'ol' : 'ul'
      return (
        <List>
          {block.items.map((item, i) => (
            <li key={keyOf(i)}>
              {item.length === 1 && item[0]?.kind === 'paragraph' ? renderText(item[0].text) : <Blocks blocks={item} />}
            </li>
          ))}
        </List>
      )
    }
    case 'table':
      return <DocsTable {...block} />
    case 'code':
      return <CodeBlock code={block.code} label={block.language ? `Example (${block.language})` : 'Example'} />
    case 'quote':
      return (
        <blockquote>
          <Blocks blocks={block.blocks} />
        </blockquote>
      )
    case 'rule':
      return <hr />
  }
}

function DocsTable({ head, rows }: { head: Inline[][]; rows: Inline[][][] }) {
  const label = head.map((cell) => plain(cell)).join(', ')
  return (
    <WideTable label={label}>
      <table className="docs-table">
        <thead>
          <tr>
            {head.map((cell, i) => (
              <th key={keyOf(i)} scope="col">
                {renderText(cell)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, i) => (
            <tr key={keyOf(i)}>
              {row.map((cell, j) => (
                <td key={keyOf(j)}>{renderText(cell)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </WideTable>
  )
}

function plain(text: readonly Inline[]): string {
  return text.map((one) => ('text' in one ? (typeof one.text === 'string' ? one.text : plain(one.text)) : ' ')).join('')
}

function renderText(text: readonly Inline[]): ReactNode {
  return text.map((one, i) => <Fragment key={keyOf(i)}>{renderInline(one)}</Fragment>)
}

function renderInline(one: Inline): ReactNode {
  switch (one.kind) {
    case 'text':
      return one.text
    case 'code':
      return <code>{one.text}</code>
    case 'strong':
      return <strong>{renderText(one.text)}</strong>
    case 'em':
      return <em>{renderText(one.text)}</em>
    case 'break':
      return <br />
    case 'link':
      return one.to.startsWith('/docs/') ? (
        <Link href={one.to}>{renderText(one.text)}</Link>
      ) : (
        <a href={one.to}>{renderText(one.text)}</a>
      )
  }
}
