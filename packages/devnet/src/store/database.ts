import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

/**
 * The tables of a network, one file in its folder.
 *
 * `block` has every object of the chain by the digest in its CID, and the epoch it was last written in. `tipset` is the chain that counts, with what came
 * of executing each tipset. `message` says where a message of that chain is. `pending` are messages in no block yet. `setting` are the seed of all keys
 * and what was decided at genesis.
 */
const schema = `
  CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS block (digest BLOB PRIMARY KEY, bytes BLOB NOT NULL, epoch INTEGER NOT NULL, is_header INTEGER NOT NULL) STRICT;
  CREATE INDEX IF NOT EXISTS block_epoch ON block (epoch) WHERE is_header = 0;
  CREATE TABLE IF NOT EXISTS tipset (
    height INTEGER PRIMARY KEY, block BLOB NOT NULL UNIQUE, state BLOB NOT NULL, receipts BLOB NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS message (cid BLOB PRIMARY KEY, height INTEGER NOT NULL, place INTEGER NOT NULL) STRICT;
  CREATE INDEX IF NOT EXISTS message_height ON message (height);
  CREATE TABLE IF NOT EXISTS pending (cid BLOB PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
`

/**
 * Opens the file of a network. What was committed is there after the process was killed at any moment; after the machine lost power the last epochs may
 * be missing, but what is there fits together.
 */
export function openDatabase(directory: string): DatabaseSync {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const database = new DatabaseSync(join(directory, 'chain.sqlite'))
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA temp_store = MEMORY;')
  database.exec(schema)
  return database
}

/** Runs `work` as one transaction: all of it is kept, or nothing. */
export function inTransaction<T>(database: DatabaseSync, work: () => T): T {
  database.exec('BEGIN IMMEDIATE')
  try {
    const result = work()
    database.exec('COMMIT')
    return result
  } catch (error) {
    database.exec('ROLLBACK')
    throw error
  }
}
