import { stripVTControlCharacters } from 'node:util'

const segmenter = new Intl.Segmenter()
/** East Asian wide characters and emoji take two cells. (Unicode Standard Annex 11, the ranges terminals agree on.) */
const wide =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u

function cellsOf(grapheme: string): number {
  return wide.test(grapheme) ? 2 : 1
}

/** Width of a terminal; some do not know theirs and say 0. */
export function columnsOf({ columns }: { columns?: number }): number {
  return columns || 80
}

/** Cells a text takes in a terminal. */
export function widthOf(text: string): number {
  let width = 0
  for (const { segment } of segmenter.segment(text)) width += cellsOf(segment)
  return width
}

/** The text cut to at most `width` cells, with `…` where something was cut off. */
export function cut(text: string, width: number): string {
  if (widthOf(text) <= width) return text
  let kept = ''
  let taken = 1
  for (const { segment } of segmenter.segment(text)) {
    taken += cellsOf(segment)
    if (taken > width) break
    kept += segment
  }
  return `${kept}…`
}

export function padEnd(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - widthOf(text)))
}

/** Text from elsewhere made harmless: what would move the cursor, change colours or break the line is not passed on. */
export function plain(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  return stripVTControlCharacters(text).replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, '\ufffd')
}
