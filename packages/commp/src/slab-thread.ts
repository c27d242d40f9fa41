// A thread that hashes slabs. It does nothing but what it is told, so that bytes of a piece are hashed where no request waits.
import { parentPort, workerData } from 'node:worker_threads'
import { batchHasher } from './hash-batch.ts'
import { fastestPairs } from './native-pairs.ts'
import type { BatchMessage, SlabThreadData } from './slab-messages.ts'

const { buffers, keepLevel } = workerData as SlabThreadData
const batches = buffers.map((buffer) => new Uint8Array(buffer))
const hashBatch = batchHasher(fastestPairs().hashPairs, keepLevel)

parentPort?.on('message', ({ buffer, dataBytes }: BatchMessage) => {
  parentPort?.postMessage(hashBatch(batches[buffer] as Uint8Array, dataBytes))
})
