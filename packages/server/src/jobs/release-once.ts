import type { Pool, PoolClient } from 'pg'

type Callback = (error: Error | undefined, client: PoolClient | undefined, release: (destroy?: Error | boolean) => void) => void

/**
 * The same pool for graphile-worker, which gives the connection it listens on back twice when that breaks at the moment the workers stop:
 * pg throws at the second time, nobody hears it, and the process would end.
 */
export function releaseOnce(pool: Pool): Pool {
  const connect = (callback?: Callback) => {
    if (!callback) return pool.connect()
    return pool.connect((error, client, release) => {
      let isReleased = false
      callback(error, client, (destroy) => {
        if (!isReleased) release(destroy)
        isReleased = true
      })
    })
  }
  return new Proxy(pool, {
    get(target, name) {
      const value: unknown = name === 'connect' ? connect : Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
