import { isContentError } from '@keepsake/content/errors.ts'
import { CID } from 'multiformats/cid'
import type { Db } from '../database/database.ts'
import { KeepsakeError } from '../errors.ts'
import type { Facts } from '../jobs/facts.ts'
import type { Blocks } from './blocks.ts'
import { walkPresent } from './complete-dag.ts'
import type { RebuildOptions, RebuildReport } from './rebuild-report.ts'
import type { StandingContent } from './rebuild-store.ts'
import { countContents, findContentAgain, findShardIds, listContents, saveStanding } from './rebuild-store.ts'
import { digestKey } from './shard-writer.ts'

interface Components {
  database: Db
  blocks: Blocks
  facts: Facts
}

const pageSize = 200
/** An upload of the content may come in while it is walked; as often as this in a row is not believable. */
const maxTries = 20

/** Walks every content from its root over the blocks that are here, and notes where it stands. */
export async function recheckContents(components: Components, report: RebuildReport, options: RebuildOptions): Promise<void> {
  const { database } = components
  const total = await countContents(database)
  for (let after = 0; ; ) {
    const page = await listContents(database, after, pageSize)
    for (const content of page) {
      options.signal?.throwIfAborted()
      after = content.id
      await recheckOne(components, content, report, options)
      report.contents++
      options.onProgress?.({ phase: 'contents', done: report.contents, total: Math.max(total, report.contents) })
    }
    if (page.length < pageSize) return
  }
}

async function recheckOne(
  components: Components,
  listed: StandingContent,
  report: RebuildReport,
  options: RebuildOptions,
): Promise<void> {
  let content: StandingContent | undefined = listed
  for (let attempt = 0; content && attempt < maxTries; attempt++) {
    const standing = await look(components, content, options)
    if (standing === undefined) {
      report.unreadableContents++
      return
    }
    const isChanged = !isSame(content, standing)
    if (!options.checkOnly && (isChanged || standing.shardIds.some((id) => !content?.shardIds.includes(id)))) {
      if (!(await saveStanding(components, content, standing))) {
        content = await findContentAgain(components.database, content.id)
        continue
      }
    }
    if (isChanged) {
      report.changedContents++
      options.onTrouble?.(describeChange(content, standing))
    }
    return
  }
}

interface Standing {
  missing: Uint8Array[]
  shardIds: number[]
  obstacle: string | null
}

/** Undefined, and told, where a block that is needed to go on cannot be read. */
async function look(
  { database, blocks }: Components,
  content: StandingContent,
  options: RebuildOptions,
): Promise<Standing | undefined> {
  const root = CID.decode(content.cid)
  const received = await findShardIds(
    database,
    content.parts.map((part) => CID.parse(part).bytes),
  )
  const own = new Set([...received, ...content.shardIds])
  try {
    const walk = await walkPresent({ database, blocks }, [root], own, options)
    return { missing: walk.missing, shardIds: [...own, ...walk.shardIds], obstacle: walk.obstacle }
  } catch (error) {
    options.signal?.throwIfAborted()
    if (!(error instanceof KeepsakeError) && !isContentError(error)) throw error
    options.onTrouble?.(`Content ${root} cannot be looked at: ${error.message}`)
    return undefined
  }
}

function isSame(content: StandingContent, standing: Standing): boolean {
  const isComplete = standing.missing.length === 0 && standing.obstacle === null
  if (isComplete !== (content.completeAt !== null) || standing.obstacle !== content.obstacle) return false
  const known = new Set(content.missing.map(digestKey))
  return known.size === standing.missing.length && standing.missing.every((cid) => known.has(digestKey(cid)))
}

function describeChange(content: StandingContent, standing: Standing): string {
  const was = content.completeAt === null ? 'incomplete' : 'complete'
  const blocks = standing.missing.length
  const is =
    blocks > 0
      ? `${blocks} ${blocks === 1 ? 'block is' : 'blocks are'} missing`
      : (standing.obstacle ?? 'all its blocks are here')
  return `Content ${CID.decode(content.cid)} was noted as ${was}; ${is}.`
}
