import { createInterface } from 'node:readline/promises'

interface Input {
  isTTY?: boolean
  setRawMode?(raw: boolean): unknown
}

const maxPipedBytes = 64 * 1024

async function readPiped(): Promise<string> {
  const chunks: Buffer[] = []
  let totalBytes = 0
  for await (const chunk of process.stdin) {
    totalBytes += (chunk as Buffer).byteLength
    if (totalBytes > maxPipedBytes) throw new RangeError(`More than ${maxPipedBytes} bytes came in; that is no secret.`)
    chunks.push(chunk as Buffer)
  }
  return Buffer.concat(chunks).toString('utf8').trim()
}

/**
 * A secret from standard input: piped in, or typed without being shown. Arguments of a command can be read by everybody on the
 * machine and stay in the shell's history, so a secret never comes from there. Undefined when the person gives up (Ctrl-C, Ctrl-D).
 */
export async function askSecret(question: string): Promise<string | undefined> {
  const input = process.stdin as typeof process.stdin & Input
  if (!input.isTTY) return await readPiped()
  process.stderr.write(question)
  input.setRawMode(true)
  input.resume()
  input.setEncoding('utf8')
  try {
    let secret = ''
    for await (const text of input) {
      for (const character of text as string) {
        if (character === '\r' || character === '\n') return secret.trim()
        if (character === '\u0003' || character === '\u0004') return undefined
        if (character === '\u007f' || character === '\b') secret = secret.slice(0, -1)
        else if (character >= ' ') secret += character
      }
    }
    return undefined
  } finally {
    input.setRawMode(false)
    input.pause()
    process.stderr.write('\n')
  }
}

/** Asks for a yes. Anything else is a no. */
export async function confirm(question: string, signal?: AbortSignal): Promise<boolean> {
  const lines = createInterface({ input: process.stdin, output: process.stderr })
  try {
    const answer = await lines.question(`${question} [y/N] `, signal ? { signal } : {})
    return /^y(es)?$/i.test(answer.trim())
  } catch {
    return false
  } finally {
    lines.close()
  }
}
