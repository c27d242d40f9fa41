import { bold, hasColors } from './colors.ts'
import { columnsOf, cut, padEnd, plain, widthOf } from './text.ts'

export interface Column {
  title: string
  align?: 'left' | 'right'
  /** Cut when the terminal is too narrow. Others never are: half a CID is of no use. */
  flexible?: boolean
}

interface Output {
  isTTY?: boolean
  columns?: number
}

const gap = '  '
const narrowest = 8

/**
 * Rows as lines. In a terminal: aligned below titles, flexible columns cut to fit. Elsewhere: no titles, tabs between the cells, for other programs.
 */
export function formatTable(columns: readonly Column[], rows: readonly (readonly string[])[], output: Output): string[] {
  const cells = rows.map((row) => row.map(plain))
  if (!output.isTTY) return cells.map((row) => row.join('\t'))
  const widths = columns.map(({ title }, at) => Math.max(widthOf(title), ...cells.map((row) => widthOf(row[at] ?? ''))))
  const total = widths.reduce((sum, width) => sum + width, 0) + gap.length * (columns.length - 1)
  let excess = total - columnsOf(output)
  for (const [at, { flexible }] of columns.entries()) {
    if (!flexible || excess <= 0) continue
    const taken = Math.min(excess, widths[at]! - narrowest)
    if (taken <= 0) continue
    widths[at]! -= taken
    excess -= taken
  }
  const line = (row: readonly string[]) =>
    row
      .map((cell, at) => {
        const shown = cut(cell, widths[at]!)
        return columns[at]!.align === 'right' ? ' '.repeat(widths[at]! - widthOf(shown)) + shown : padEnd(shown, widths[at]!)
      })
      .join(gap)
      .trimEnd()
  return [bold(line(columns.map(({ title }) => title)), hasColors(output)), ...cells.map(line)]
}
