import type { Stream } from '@libp2p/interface'
import { Uint8ArrayList } from 'uint8arraylist'
import { BadMessageError } from './message.ts'

/** Bytes of messages that have not come whole, over all peers. Beyond it, whoever sends more is cut off. */
const maxPendingBytes = 64 * 1024 * 1024
/** A message that has begun must come to its end in this time; a byte a second is no peer, but somebody who holds memory. */
const maxFrameMs = 60_000

/** What all streams of a node together hold of messages that have not come whole. */
export interface PendingBytes {
  total: number
}

export interface FrameOptions {
  pending: PendingBytes
  /** Longest message taken at this moment. */
  maxFrameBytes(): number
  onFrame(bytes: Uint8Array): void
  /** Called once, when nothing more will come. */
  onEnd(): void
}

/**
 * Cuts what comes on a stream into messages, each with its length before it. They are handed on in the same turn they are complete in, so
 * nothing queues up here. A stream that breaks a bound is reset.
 */
export function readFrames(stream: Stream, { pending, maxFrameBytes, onFrame, onEnd }: FrameOptions): void {
  const buffered = new Uint8ArrayList()
  let counted = 0
  let timer: NodeJS.Timeout | undefined
  const count = () => {
    pending.total += buffered.byteLength - counted
    counted = buffered.byteLength
    if (counted === 0 || timer) return
    timer = setTimeout(() => stream.abort(new BadMessageError(`a message that took over ${maxFrameMs} ms`)), maxFrameMs)
  }
  const settle = () => {
    clearTimeout(timer)
    timer = undefined
  }
  let isOver = false
  const end = () => {
    if (isOver) return
    isOver = true
    settle()
    pending.total -= counted
    counted = 0
    onEnd()
  }
  stream.addEventListener('message', ({ data }) => {
    if (isOver) return
    buffered.append(data)
    try {
      for (let frame = takeFrame(buffered, maxFrameBytes()); frame; frame = takeFrame(buffered, maxFrameBytes())) {
        settle()
        onFrame(frame)
      }
      count()
      if (pending.total > maxPendingBytes) throw new BadMessageError('too many unfinished messages at once')
    } catch (error) {
      stream.abort(error as Error)
      end()
    }
  })
  stream.addEventListener('remoteCloseWrite', end)
  stream.addEventListener('close', end)
}

/** The first whole message, taken out of `buffered`; undefined where more has to come. */
function takeFrame(buffered: Uint8ArrayList, maxBytes: number): Uint8Array | undefined {
  let length = 0
  let at = 0
  for (; ; at++) {
    if (at >= buffered.byteLength) return undefined
    const byte = buffered.get(at)
    length += (byte & 0x7f) * 2 ** (7 * at)
    if (byte < 0x80) break
    if (at >= 4) throw new BadMessageError('a message without a length')
  }
  if (length > maxBytes) throw new BadMessageError(`a message of ${length} bytes, where ${maxBytes} are the most`)
  const start = at + 1
  if (buffered.byteLength < start + length) return undefined
  const frame = buffered.subarray(start, start + length)
  buffered.consume(start + length)
  return frame
}
