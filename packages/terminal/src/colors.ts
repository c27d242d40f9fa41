/** Whether a stream may be coloured. (no-color.org; `TERM=dumb` has no escapes.) */
export function hasColors(stream: { isTTY?: boolean }, env: Record<string, string | undefined> = process.env): boolean {
  return stream.isTTY === true && !env.NO_COLOR && env.TERM !== 'dumb'
}

function painter(start: number, end: number) {
  return (text: string, enabled: boolean): string => (enabled ? `\u001b[${start}m${text}\u001b[${end}m` : text)
}

export const dim = painter(2, 22)
export const bold = painter(1, 22)
export const red = painter(31, 39)
export const green = painter(32, 39)
export const yellow = painter(33, 39)
