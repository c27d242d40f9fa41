// A thread that reads many small files, one after the other, with calls that wait: what a request reads this way keeps no other waiting, and
// three system calls cost a tenth of three trips through the thread pool.
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import { pathOfBlob } from './blob-path.ts'
import type { BlobPlace } from './blobs.ts'
import type { SmallReadsData, SmallReadsMessage, SmallReadsResult } from './small-reads.ts'

const { directory } = workerData as SmallReadsData

function fill(file: number, bytes: Uint8Array, { offset, length }: BlobPlace, at: number): boolean {
  let done = 0
  while (done < length) {
    const read = readSync(file, bytes, at + done, length - done, offset + done)
    if (read === 0) return false
    done += read
  }
  return true
}

function readAll({ places }: SmallReadsMessage): SmallReadsResult {
  const sizeBytes = places.reduce((sum, { length }) => sum + length, 0)
  // Its own memory, which is handed over; every byte of it is written, or it is dropped.
  const bytes = new Uint8Array(Buffer.allocUnsafeSlow(sizeBytes).buffer, 0, sizeBytes)
  let at = 0
  let open: { key: string; file: number } | undefined
  const close = () => open && closeSync(open.file)
  try {
    for (const [index, place] of places.entries()) {
      if (open?.key !== place.key) {
        close()
        open = undefined
        try {
          open = { key: place.key, file: openSync(pathOfBlob(directory, place.key), 'r') }
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { absent: index }
          throw error
        }
      }
      if (!fill(open.file, bytes, place, at)) return { short: index, sizeBytes: fstatSync(open.file).size }
      at += place.length
    }
    return { bytes }
  } catch (error) {
    const { message, code } = error as NodeJS.ErrnoException
    return { failed: message, code }
  } finally {
    close()
  }
}

parentPort?.on('message', (message: SmallReadsMessage) => {
  const result = readAll(message)
  parentPort?.postMessage(result, 'bytes' in result ? [result.bytes.buffer as ArrayBuffer] : [])
})
