import type { Nft } from '@keepsake/api/nft.ts'

/** Marks that change the order of the text around them, and characters that are not to be seen. (Unicode Standard Annex 9, "Explicit Directional Formatting".) */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const invisible = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g

/** What to call an upload on the page: names are anybody's, so nothing in them may rearrange or hide what stands beside. */
export function displayName({ name, cid }: Pick<Nft, 'name' | 'cid'>): string {
  const shown = name.replace(invisible, '\ufffd').trim()
  return shown && name !== cid ? shown : 'Without a name'
}
