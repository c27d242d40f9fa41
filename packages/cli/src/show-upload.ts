import type { Nft } from '@keepsake/api/nft.ts'
import { formatBytes } from '@keepsake/terminal/sizes.ts'
import { padEnd, plain } from '@keepsake/terminal/text.ts'

type Field = [label: string, value: string]

/** Labels and values, one below the other. */
export function formatFields(fields: readonly Field[]): string {
  const width = Math.max(...fields.map(([label]) => label.length))
  return fields.map(([label, value]) => `${padEnd(label, width)}  ${plain(value)}`).join('\n')
}

/** Where a content stands, and what is missing where something is. */
export function describePin({ status, size, created, missing }: Nft['pin']): Field[] {
  const fields: Field[] = [
    ['Status', status],
    ['Size', size ? formatBytes(size) : 'not known'],
    ['Since', created],
  ]
  if (!missing) return fields
  if (missing.reason) fields.push(['Reason', missing.reason])
  if (missing.blocks > 0) {
    const more = missing.blocks - missing.cids.length
    fields.push(['Missing', `${missing.blocks} ${missing.blocks === 1 ? 'block' : 'blocks'}, each may lead to more`])
    for (const cid of missing.cids) fields.push(['', cid])
    if (more > 0) fields.push(['', `and ${more} more`])
  }
  return fields
}
