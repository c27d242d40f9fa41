/**
 * Builds a `Content-Disposition` (RFC 6266): the name in ASCII with `_` for what is not, and in UTF-8 where that differs. Characters
 * that could end the header or the quotes do not get through.
 */
export function contentDisposition(kind: 'inline' | 'attachment', filename: string | undefined): string {
  if (filename === undefined) return kind
  const ascii = filename.toWellFormed().replace(/[^\x20-\x7e]|["\\%]/gu, '_')
  const escaped = encodeURIComponent(filename.toWellFormed()).replace(
    /['()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  )
  return ascii === filename ? `${kind}; filename="${ascii}"` : `${kind}; filename="${ascii}"; filename*=UTF-8''${escaped}`
}
