import { varint } from 'multiformats'
import { CID } from 'multiformats/cid'
import type { Block } from '../block.ts'
import { encodeSectionPrefix } from '../car/encode.ts'

const CHUNK_BYTES = 1024 * 1024

/** Blocks as sections of a CAR, side by side in few large pieces: a hundred thousand small arrays would take several times the memory. */
export function sectionBuffer() {
  const chunks: Uint8Array[] = []
  let open = new Uint8Array(0)
  let filled = 0
  const close = (): void => {
    if (filled > 0) chunks.push(open.subarray(0, filled))
    filled = 0
  }
  return {
    add({ cid, bytes }: Block): void {
      const prefix = encodeSectionPrefix(cid, bytes.length)
      const sectionBytes = prefix.length + bytes.length
      if (filled + sectionBytes > open.length) {
        close()
        open = new Uint8Array(Math.max(CHUNK_BYTES, sectionBytes))
      }
      open.set(prefix, filled)
      open.set(bytes, filled + prefix.length)
      filled += sectionBytes
    },
    /** The pieces, in order; nothing may be added after. */
    end(): readonly Uint8Array[] {
      close()
      return chunks
    },
  }
}

/** What the blocks in one of the pieces are called. */
export function* multihashesIn(sections: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < sections.length; ) {
    const [sectionBytes, prefixBytes] = varint.decode(sections, at)
    const start = at + prefixBytes
    at = start + sectionBytes
    const { size, multihashSize } = CID.inspectBytes(sections.subarray(start, at))
    yield sections.subarray(start + size - multihashSize, start + size)
  }
}
