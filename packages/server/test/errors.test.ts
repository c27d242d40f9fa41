import { ContentError } from '@keepsake/content/errors.ts'
import { describe, expect, it } from 'vitest'
import { KeepsakeError, toKeepsakeError } from '../src/errors.ts'

const withCode = (code: string) => Object.assign(new Error('from below'), { code })

describe('an error', () => {
  it.each([
    ['content that is not there', new ContentError('BLOCK_NOT_FOUND', 'm'), 'NOT_FOUND', 404],
    ['a full disk', withCode('ENOSPC'), 'ERROR_NO_SPACE', 507],
    ['a full disk of the database', withCode('53100'), 'ERROR_NO_SPACE', 507],
    ['a database that is stopping', withCode('57P01'), 'ERROR_UNAVAILABLE', 503],
    ['a database that is not there', withCode('ECONNREFUSED'), 'ERROR_UNAVAILABLE', 503],
    ['a connection to it that broke', new Error('Connection terminated unexpectedly'), 'ERROR_UNAVAILABLE', 503],
    ['a full disk below another error', new Error('outer', { cause: withCode('ENOSPC') }), 'ERROR_NO_SPACE', 507],
  ])('that comes from %s says so', (_name, thrown, code, status) => {
    expect(toKeepsakeError(thrown)).toMatchObject({ code, status, cause: thrown })
  })

  it.each([[new Error('a secret detail')], ['a string'], [undefined]])(
    'that nobody foresaw tells nothing of itself: %s',
    (thrown) => {
      const error = toKeepsakeError(thrown)
      expect([error.code, error.status]).toEqual(['ERROR_INTERNAL', 500])
      expect(error.message).toBe('Something went wrong on the server.')
    },
  )

  it('that is ours stays as it is', () => {
    const error = new KeepsakeError('CONFLICT', 'm')
    expect(toKeepsakeError(error)).toBe(error)
  })
})
