// A thread that hashes slabs. It does nothing but what it is told, so that bytes of a piece are hashed where no request waits.
import { readSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import { fileChanged } from './file-changed.ts'
import { batchHasher } from './hash-batch.ts'
import { fastestPairs } from './native-pairs.ts'
import { BATCH_BUFFER_BYTES, type BatchAnswer, type BatchMessage, type FileBatch, type SlabThreadData } from './slab-messages.ts'

const { buffers, keepLevel } = workerData as SlabThreadData
const batches = buffers.map((buffer) => new Uint8Array(buffer))
const hashBatch = batchHasher(fastestPairs().hashPairs, keepLevel)
let own: Uint8Array | undefined

function readBatch({ file, at, dataBytes }: FileBatch): Uint8Array {
  own ??= new Uint8Array(BATCH_BUFFER_BYTES)
  for (let done = 0; done < dataBytes; ) {
    const read = readSync(file, own, done, dataBytes - done, at + done)
    if (read === 0) throw fileChanged()
    done += read
  }
  return own
}

function answer(message: BatchMessage): BatchAnswer {
  if ('buffer' in message) return hashBatch(batches[message.buffer] as Uint8Array, message.dataBytes)
  try {
    return hashBatch(readBatch(message), message.dataBytes)
  } catch (error) {
    const { message: text, code } = error as NodeJS.ErrnoException
    return { failed: { message: text, code } }
  }
}

parentPort?.on('message', (message: BatchMessage) => parentPort?.postMessage(answer(message)))
