import { sql } from 'kysely'
import type { Db } from '../database/database.ts'
import type { RecipeRow } from './recipe-codec.ts'
import { SUM_BYTES } from './sums.ts'

/** Rows in one statement: some megabytes. */
const rowsAtOnce = 16

/** Writes a recipe down in place of the one there may have been. */
export async function replaceRecipe({ kysely }: Db, aggregateId: number, rows: readonly RecipeRow[]): Promise<void> {
  await sql`delete from aggregate_recipe where aggregate_id = ${aggregateId}`.execute(kysely)
  for (let at = 0; at < rows.length; at += rowsAtOnce) {
    const some = rows.slice(at, at + rowsAtOnce)
    await sql`
      insert into aggregate_recipe (aggregate_id, byte_offset, parts)
      select ${aggregateId}::bigint, * from unnest(${some.map((r) => r.byteOffset)}::bigint[], ${some.map((r) => r.parts)}::bytea[])`.execute(
      kysely,
    )
  }
}

/** The row of a recipe in which byte `offset` lies, and some that follow. */
export async function readRecipeRows({ kysely }: Db, aggregateId: number, offset: number, limit: number): Promise<RecipeRow[]> {
  const { rows } = await sql<RecipeRow>`
    select byte_offset as "byteOffset", parts from aggregate_recipe
    where aggregate_id = ${aggregateId} and byte_offset >= (
      select max(byte_offset) from aggregate_recipe where aggregate_id = ${aggregateId} and byte_offset <= ${offset})
    order by byte_offset limit ${limit}`.execute(kysely)
  return rows
}

/** The row of a recipe in which byte `offset` lies, and where the next one begins. */
export async function findRecipeRow(
  { kysely }: Db,
  aggregateId: number,
  offset: number,
): Promise<{ row: RecipeRow; endOffset: number } | undefined> {
  const { rows } = await sql<RecipeRow & { endOffset: number | null }>`
    select byte_offset as "byteOffset", parts, (
      select min(byte_offset) from aggregate_recipe n where n.aggregate_id = r.aggregate_id and n.byte_offset > r.byte_offset) as "endOffset"
    from aggregate_recipe r where aggregate_id = ${aggregateId} and byte_offset <= ${offset}
    order by byte_offset desc limit 1`.execute(kysely)
  const [found] = rows
  if (!found) return undefined
  const { byteOffset, parts, endOffset } = found
  return { row: { byteOffset, parts }, endOffset: endOffset ?? Number.POSITIVE_INFINITY }
}

export async function replaceTree(
  { kysely }: Db,
  aggregateId: number,
  { height, nodes, sums }: { height: number; nodes: Uint8Array; sums: Uint8Array },
): Promise<void> {
  await sql`
    insert into aggregate_tree (aggregate_id, height, nodes, sums) values (${aggregateId}, ${height}, ${nodes}, ${sums})
    on conflict (aggregate_id) do update set height = excluded.height, nodes = excluded.nodes, sums = excluded.sums`.execute(
    kysely,
  )
}

/** Sums from number `first` on, `count` or what there is of them; undefined where none were kept. */
export async function readSums({ kysely }: Db, aggregateId: number, first: number, count: number): Promise<Buffer | undefined> {
  const { rows } = await sql<{ sums: Buffer | null }>`
    select substring(sums from ${first * SUM_BYTES + 1}::integer for ${count * SUM_BYTES}::integer) as sums
    from aggregate_tree where aggregate_id = ${aggregateId}`.execute(kysely)
  return rows[0]?.sums ?? undefined
}

export async function findTree({ kysely }: Db, aggregateId: number): Promise<{ height: number; nodes: Uint8Array } | undefined> {
  const { rows } = await sql<{ height: number; nodes: Uint8Array }>`
    select height, nodes from aggregate_tree where aggregate_id = ${aggregateId}`.execute(kysely)
  return rows[0]
}
