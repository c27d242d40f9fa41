/** An answer is longer than anything that was asked for can be. */
export class AnswerTooLongError extends Error {
  override readonly name = 'AnswerTooLongError'
}

/** The body of a response, up to so many bytes. @throws AnswerTooLongError */
export async function readBounded(response: Response, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let length = 0
  // Not every browser goes through a stream by `for await`.
  const reader = response.body?.getReader()
  for (let read = await reader?.read(); read && !read.done; read = await reader?.read()) {
    length += read.value.length
    if (length > maxBytes) {
      await reader?.cancel()
      throw new AnswerTooLongError(`an answer of more than ${maxBytes} bytes`)
    }
    chunks.push(read.value)
  }
  const bytes = new Uint8Array(length)
  let at = 0
  for (const chunk of chunks) {
    bytes.set(chunk, at)
    at += chunk.length
  }
  return bytes
}
