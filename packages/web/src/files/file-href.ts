/** The page of one upload. */
export function fileHref(cid: string): string {
  return `/files/${cid}`
}
