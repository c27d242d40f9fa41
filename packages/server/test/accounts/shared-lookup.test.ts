import { describe, expect, test } from 'vitest'
import { sharedLookup } from '../../src/accounts/shared-lookup.ts'

/** A look-up whose answers come when told; each answer is its number. */
function manual() {
  const waiting: { key: string; resolve: () => void; reject: (error: Error) => void }[] = []
  let count = 0
  const lookUp = sharedLookup((key) => {
    const number = ++count
    const { promise, resolve, reject } = Promise.withResolvers<string>()
    waiting.push({ key, resolve: () => resolve(`${key} ${number}`), reject })
    return promise
  })
  return { lookUp, waiting }
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

describe('look-ups of the same key', () => {
  test('that come while one is under way share the next, which begins after all of them', async () => {
    const { lookUp, waiting } = manual()
    const first = lookUp('a')
    const later = [lookUp('a'), lookUp('a'), lookUp('a')]
    await turn()
    expect(waiting).toHaveLength(1)
    waiting[0]!.resolve()
    expect(await first).toBe('a 1')
    await turn()
    expect(waiting).toHaveLength(2)
    waiting[1]!.resolve()
    expect(await Promise.all(later)).toEqual(['a 2', 'a 2', 'a 2'])
  })

  test('that come while the shared one is under way do not get its answer, which may be older than they are', async () => {
    const { lookUp, waiting } = manual()
    const first = lookUp('a')
    const second = lookUp('a')
    waiting[0]!.resolve()
    await first
    await turn()
    const third = lookUp('a')
    waiting[1]!.resolve()
    expect(await second).toBe('a 2')
    await turn()
    waiting[2]!.resolve()
    expect(await third).toBe('a 3')
  })

  test('go on after one that failed, and only those that shared it fail with it', async () => {
    const { lookUp, waiting } = manual()
    const first = lookUp('a')
    const second = lookUp('a')
    waiting[0]!.reject(new Error('no database'))
    await expect(first).rejects.toThrow('no database')
    await turn()
    waiting[1]!.resolve()
    expect(await second).toBe('a 2')
    void lookUp('a')
    expect(waiting).toHaveLength(3)
  })

  test('of different keys do not wait for each other', () => {
    const { lookUp, waiting } = manual()
    void lookUp('a')
    void lookUp('b')
    expect(waiting.map(({ key }) => key)).toEqual(['a', 'b'])
  })
})
