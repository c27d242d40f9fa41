import { once } from 'node:events'
import type { MessagePort } from 'node:worker_threads'
import { parentPort } from 'node:worker_threads'
import { openStagedFile } from '../blobs/staged-file.ts'
import { errorOf, plainError } from '../thread-errors.ts'
import { readUpload } from './read-upload.ts'
import type { BodyMessage, ReaderMessage, StartMessage } from './reader-messages.ts'
import { plainResult } from './reader-messages.ts'

// A thread that reads large bodies, several at once where they come at once: `readers.ts` starts it and feeds it.

/** The bytes of a body as they are handed over. Leaving early is fine: what comes after is dropped with the port. */
async function* bodyOf(port: MessagePort): AsyncGenerator<Uint8Array, void> {
  const waiting: BodyMessage[] = []
  let wake: () => void = () => {}
  port.on('message', (message: BodyMessage) => {
    waiting.push(message)
    wake()
  })
  for (;;) {
    const message = waiting.shift()
    if (message === undefined) {
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    } else if ('end' in message) {
      return
    } else if ('failed' in message) {
      throw errorOf(message.failed)
    } else {
      let takenBytes = 0
      for (const chunk of message.chunks) {
        takenBytes += chunk.byteLength
        yield chunk
      }
      tell(port, { takenBytes })
    }
  }
}

function tell(port: MessagePort, message: ReaderMessage): void {
  port.postMessage(message)
}

async function read({ port, plan, path }: StartMessage): Promise<void> {
  try {
    const staged = await openStagedFile(path)
    try {
      const result = await readUpload(plan, bodyOf(port), { staged, signal: new AbortController().signal })
      tell(port, { done: plainResult(result) })
    } finally {
      await staged.close()
    }
  } catch (error) {
    tell(port, { failed: plainError(error) })
  }
  // The other side closes the port when it has heard the end.
  await once(port, 'close')
}

parentPort?.on('message', (message: StartMessage) => void read(message))
