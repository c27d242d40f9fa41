import type { DatabaseSync } from 'node:sqlite'
import { CID } from 'multiformats/cid'

/** A tipset of the chain that counts; here each has one block. */
export interface TipSetRow {
  height: number
  block: CID
  /** After its messages. */
  state: CID
  receipts: CID
}

/** Where on the chain a message is. */
export interface MessagePlace {
  height: number
  /** Among the messages of its tipset, in the order in which they were executed. */
  place: number
}

/** Which of all blocks are the chain, and where its messages are. */
export interface ChainIndex {
  head(): TipSetRow | undefined
  /** The tipset of an epoch; where that had none, the last before it. */
  atOrBefore(height: number): TipSetRow | undefined
  atOrAfter(height: number): TipSetRow | undefined
  find(block: CID): TipSetRow | undefined
  append(row: TipSetRow): void
  /** Takes every tipset above `height` off the chain. */
  cutAbove(height: number): void
  placeMessage(cid: CID, place: MessagePlace): void
  findMessage(cid: CID): MessagePlace | undefined
  forgetMessagesBefore(height: number): void
  listPending(): Uint8Array[]
  addPending(cid: CID, bytes: Uint8Array): void
  removePending(cid: CID): void
  setting(name: string): Uint8Array | undefined
  setSetting(name: string, value: Uint8Array): void
}

interface RawRow {
  height: number
  block: Uint8Array
  state: Uint8Array
  receipts: Uint8Array
}

function tipSetRow(row: unknown): TipSetRow | undefined {
  if (row === undefined) return undefined
  const { height, block, state, receipts } = row as RawRow
  return { height, block: CID.decode(block), state: CID.decode(state), receipts: CID.decode(receipts) }
}

export function chainIndex(database: DatabaseSync): ChainIndex {
  const columns = 'SELECT height, block, state, receipts FROM tipset'
  const head = database.prepare(`${columns} ORDER BY height DESC LIMIT 1`)
  const before = database.prepare(`${columns} WHERE height <= ? ORDER BY height DESC LIMIT 1`)
  const after = database.prepare(`${columns} WHERE height >= ? ORDER BY height LIMIT 1`)
  const byBlock = database.prepare(`${columns} WHERE block = ?`)
  const insert = database.prepare('INSERT INTO tipset (height, block, state, receipts) VALUES (?, ?, ?, ?)')
  const cutTipSets = database.prepare('DELETE FROM tipset WHERE height > ?')
  const cutMessages = database.prepare('DELETE FROM message WHERE height > ?')
  const place = database.prepare('INSERT OR REPLACE INTO message (cid, height, place) VALUES (?, ?, ?)')
  const placeOf = database.prepare('SELECT height, place FROM message WHERE cid = ?')
  const forget = database.prepare('DELETE FROM message WHERE height < ?')
  const pending = database.prepare('SELECT bytes FROM pending ORDER BY rowid')
  const addPending = database.prepare('INSERT OR IGNORE INTO pending (cid, bytes) VALUES (?, ?)')
  const removePending = database.prepare('DELETE FROM pending WHERE cid = ?')
  const setting = database.prepare('SELECT value FROM setting WHERE name = ?')
  const setSetting = database.prepare('INSERT OR REPLACE INTO setting (name, value) VALUES (?, ?)')
  return {
    head: () => tipSetRow(head.get()),
    atOrBefore: (height) => tipSetRow(before.get(height)),
    atOrAfter: (height) => tipSetRow(after.get(height)),
    find: (block) => tipSetRow(byBlock.get(block.bytes)),
    append: (row) => void insert.run(row.height, row.block.bytes, row.state.bytes, row.receipts.bytes),
    cutAbove(height) {
      cutTipSets.run(height)
      cutMessages.run(height)
    },
    placeMessage: (cid, at) => void place.run(cid.bytes, at.height, at.place),
    findMessage: (cid) => placeOf.get(cid.bytes) as MessagePlace | undefined,
    forgetMessagesBefore: (height) => void forget.run(height),
    listPending: () => (pending.all() as { bytes: Uint8Array }[]).map(({ bytes }) => bytes),
    addPending: (cid, bytes) => void addPending.run(cid.bytes, bytes),
    removePending: (cid) => void removePending.run(cid.bytes),
    setting: (name) => (setting.get(name) as { value: Uint8Array } | undefined)?.value,
    setSetting: (name, value) => void setSetting.run(name, value),
  }
}
