import { checkEntries, listEntries } from '@keepsake/content/aggregate/unixfs-2021/find-entry.ts'
import { isIdentity } from '@keepsake/content/dag/identity.ts'
import { CID } from 'multiformats/cid'
import { digestKey } from '../blocks/shard-writer.ts'
import type { Placed } from './aggregate-blocks.ts'
import { aggregateBlocks } from './aggregate-blocks.ts'
import { BadAggregateError } from './bad-aggregate-error.ts'
import type { Entry } from './build-store.ts'
import { type Completeness, completeness } from './completeness.ts'
import { blocksOfPart } from './item-sections.ts'
import type { Validator } from './validator.ts'
import { verifyCar } from './verify-car.ts'

/**
 * Validates a CAR by the batching spec of 2021 as if somebody else had made it: every block is what its CID says; its root is the directory; all
 * that is linked is there; and both ways to every item, by names and by links, lead to it.
 */
export const validateUnixfs: Validator = async ({ root, entries, recipe, source, generatedBytes, reader, signal }) => {
  if (!root) throw new BadAggregateError('It has no root.')
  const seen = completeness()
  const places = new Map<string, Placed>()
  const roots = await verifyCar(source, {
    signal,
    onBlock({ cid, bytes, offset, length }) {
      seen.add(cid, bytes)
      if (offset < generatedBytes) places.set(digestKey(cid.multihash.bytes), { offset, length })
    },
  })
  if (roots.length !== 1 || !roots[0]?.equals(root))
    throw new BadAggregateError(`The CAR has the roots ${roots.join(', ')}, not ${root}.`)
  await requireComplete(seen, entries, reader, signal)
  const blocks = aggregateBlocks(recipe, places)
  const count = await checkEntries(blocks, root, { signal })
  if (count !== entries.length) throw new BadAggregateError(`Its manifest lists ${count} items, not ${entries.length}.`)
  const rows = new Map(entries.map((row) => [digestKey(row.cid.bytes), row]))
  for await (const { cid, links } of listEntries(blocks, root, { signal })) {
    const row = rows.get(digestKey(CID.parse(cid).bytes))
    if (!row) throw new BadAggregateError(`${cid} is in it, and should not be.`)
    if (row.links?.some((link, index) => link !== links[index])) throw new BadAggregateError(`${cid} is not where it was noted.`)
    requireThere(seen, row.cid)
  }
}

function requireThere(seen: Completeness, cid: CID): void {
  if (!isIdentity(cid) && !seen.has(cid)) throw new BadAggregateError(`The root block of ${cid} is not in it.`)
}

/** Links may lead out of it only to other parts of DAGs that were split; of those all that belongs to its part is there. */
export async function requireComplete(
  seen: Completeness,
  entries: readonly Entry[],
  reader: Parameters<Validator>[0]['reader'],
  signal: AbortSignal | undefined,
): Promise<void> {
  const missing = new Set(seen.missing)
  for (const { cid, parts, firstBlock, endBlock } of entries) {
    if (parts === 1) continue
    for await (const blocks of blocksOfPart(reader, cid, { first: firstBlock, end: endBlock ?? undefined }, signal)) {
      const absent = blocks.find((walked) => !seen.has(walked.cid))
      if (absent) throw new BadAggregateError(`Block ${absent.cid} of ${cid} is not in it.`)
    }
    for await (const blocks of blocksOfPart(reader, cid, { first: 0, end: undefined }, signal))
      for (const walked of blocks) missing.delete(digestKey(walked.cid.multihash.bytes))
  }
  if (missing.size > 0) throw new BadAggregateError(`${missing.size} blocks that are linked in it are not in it.`)
}
