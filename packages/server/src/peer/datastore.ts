import { mkdir, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { NotFoundError } from '@libp2p/interface'
import { BaseDatastore } from 'datastore-core'
import type { Batch, KeyQuery, Pair, Query } from 'interface-datastore'
import { Key } from 'interface-datastore'

/** Rows kept. Strangers may store provider records here (that is what a DHT is); a row has some 150 bytes. */
const maxRows = 500_000
/** Provider records and values of the DHT that are older are void. Source: kad-dht specification, "Content provider advertisement and discovery". */
const dhtValidityMs = 48 * 3_600_000
const cleanIntervalMs = 3_600_000

/**
 * What the peer remembers between starts: addresses of other peers, records of the DHT. In SQLite, which comes with Node. All of it can be learnt
 * again, so it is not synced, and a damaged file is begun anew.
 */
export class PeerDatastore extends BaseDatastore {
  readonly #db: DatabaseSync
  readonly #statements: ReturnType<typeof prepareAll>
  readonly #cleaning: NodeJS.Timeout
  #rows: number

  private constructor(db: DatabaseSync) {
    super()
    this.#db = db
    this.#statements = prepareAll(db)
    this.#rows = (this.#statements.count.get() as { n: number }).n
    this.#cleaning = setInterval(() => this.#clean(), cleanIntervalMs).unref()
  }

  static async open(path: string): Promise<PeerDatastore> {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    try {
      return new PeerDatastore(openDatabase(path))
    } catch {
      for (const suffix of ['', '-wal', '-shm']) await rm(`${path}${suffix}`, { force: true })
      return new PeerDatastore(openDatabase(path))
    }
  }

  close(): void {
    clearInterval(this.#cleaning)
    this.#db.close()
  }

  #clean(): void {
    this.#statements.expire.run(Date.now() - dhtValidityMs)
    this.#rows = (this.#statements.count.get() as { n: number }).n
  }

  override put(key: Key, value: Uint8Array): Key {
    // Only a new row can be one too many; whether it is new is not looked up, so the count is at least what is there.
    if (this.#rows >= maxRows) this.#clean()
    if (this.#rows >= maxRows) throw new Error('the memory of the peer is full')
    this.#statements.put.run(key.toString(), value, Date.now())
    this.#rows++
    return key
  }

  override get(key: Key): Uint8Array {
    const row = this.#statements.get.get(key.toString()) as { value: Uint8Array } | undefined
    if (!row) throw new NotFoundError(`${key} is not here`)
    return row.value
  }

  override has(key: Key): boolean {
    return this.#statements.get.get(key.toString()) !== undefined
  }

  override delete(key: Key): void {
    this.#statements.delete.run(key.toString())
  }

  override batch(): Batch {
    const puts: Pair[] = []
    const deletes: Key[] = []
    return {
      put: (key, value) => void puts.push({ key, value }),
      delete: (key) => void deletes.push(key),
      commit: () => {
        for (const { key, value } of puts) this.put(key, value)
        for (const key of deletes) this.delete(key)
      },
    }
  }

  /** The rows of a prefix are read at once: they are few (peers known, providers of one CID), and may change while they are gone through. */
  #below(prefix: string | undefined): Pair[] {
    const from = prefix ?? ''
    const rows = this.#statements.list.all(from, `${from}\u{10ffff}`) as { key: string; value: Uint8Array }[]
    return rows.map(({ key, value }) => ({ key: new Key(key), value }))
  }

  override async *_all({ prefix }: Query): AsyncGenerator<Pair> {
    yield* this.#below(prefix)
  }

  override async *_allKeys({ prefix }: KeyQuery): AsyncGenerator<Key> {
    for (const { key } of this.#below(prefix)) yield key
  }
}

function openDatabase(path: string): DatabaseSync {
  const db = new DatabaseSync(path)
  db.exec(`
    pragma journal_mode = wal; pragma synchronous = off; pragma journal_size_limit = 16777216;
    create table if not exists entry (key text primary key, value blob not null, written_at integer not null) without rowid;
    create index if not exists entry_written on entry (written_at);`)
  const check = db.prepare('pragma quick_check(1)').get() as { quick_check: string }
  if (check.quick_check !== 'ok') {
    db.close()
    throw new Error('damaged')
  }
  return db
}

function prepareAll(db: DatabaseSync) {
  return {
    put: db.prepare('insert or replace into entry (key, value, written_at) values (?, ?, ?)'),
    get: db.prepare('select value from entry where key = ?'),
    delete: db.prepare('delete from entry where key = ?'),
    list: db.prepare('select key, value from entry where key >= ? and key < ? order by key'),
    count: db.prepare('select count(*) as n from entry'),
    // The DHTs keep theirs below /dht and /lan-dht.
    expire: db.prepare(`delete from entry where written_at < ? and (key glob '/dht/*' or key glob '/lan-dht/*')`),
  }
}
