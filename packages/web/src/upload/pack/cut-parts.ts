import { headerOf, type LocatedBlock, type Outcome, sectionOf } from './located-blocks.ts'
import type { Packed } from './pack-request.ts'

/** Blocks of a part; with the largest root beside them it stays below 32 MiB. What breaks off is sent again, so it is not more. */
const bodyMaxBytes = 30 * 1024 * 1024

/**
 * Puts blocks into CARs. A `Blob` that is made of pieces of files holds none of their bytes: the browser reads them from the disk when the
 * part is sent. Each part is the header, the block of the root, then some of the others.
 */
export async function cutParts(blocks: AsyncGenerator<LocatedBlock, Outcome, undefined>): Promise<Packed> {
  /** One of each: a block is sent once, however often it is linked. */
  const known = new Set<string>()
  const bodies: Blob[] = []
  let sections: BlobPart[] = []
  let bodyBytes = 0
  const closeBody = () => {
    bodies.push(new Blob(sections))
    sections = []
    bodyBytes = 0
  }
  for (;;) {
    const next = await blocks.next()
    if (next.done) {
      if (sections.length > 0 || bodies.length === 0) closeBody()
      return packedOf(next.value, bodies)
    }
    const name = String.fromCharCode(...next.value.cid.multihash.bytes)
    if (known.has(name)) continue
    known.add(name)
    const section = sectionOf(next.value)
    if (sections.length > 0 && bodyBytes + section.sizeBytes > bodyMaxBytes) closeBody()
    sections.push(...section.pieces)
    bodyBytes += section.sizeBytes
  }
}

function packedOf({ root, tokenData }: Outcome, bodies: readonly Blob[]): Packed {
  const start = [headerOf(root.cid), ...sectionOf(root).pieces]
  return {
    cid: root.cid.toString(),
    parts: bodies.map((body) => new Blob([...start, body])),
    ...(tokenData && { tokenData }),
  }
}
