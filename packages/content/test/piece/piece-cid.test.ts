import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import { expect, test } from 'vitest'
import { capacityBytes, type Piece } from '../../src/piece/piece.ts'
import { parsePieceCid, parsePieceCidText, pieceCidV1, pieceCidV2 } from '../../src/piece/piece-cid.ts'
import { seeded } from '../oracle.ts'

const root = new Uint8Array(32).fill(7)

function v2(...digest: number[]): CID {
  return CID.createV1(0x55, Digest.create(0x1011, new Uint8Array(digest)))
}

test('every height and payload comes back out of a CID of version 2', () => {
  const next = seeded(1)
  for (let height = 2; height <= 47; height++) {
    const capacity = capacityBytes(height)
    for (const payloadBytes of [0, 1, capacity - 1, capacity, Math.floor((capacity / 1000) * next(1000))]) {
      const piece: Piece = { root, height, payloadBytes }
      expect(parsePieceCidText(String(pieceCidV2(piece)))).toEqual({ version: 2, piece })
    }
  }
})

test('a CID of version 1 is the root alone', () => {
  expect(parsePieceCid(pieceCidV1({ root }))).toEqual({ version: 1, root })
})

test.each([
  ['a CID of a file', CID.parse('bafybeib62b4ukyzjcj7d2h4mbzjgg7l6qiz3ma4vb4b2bawmcauf5afvua'), 'is not the CID of a piece'],
  ['a root too short', v2(0, 4, ...root.subarray(1)), 'whose root is not 32 bytes'],
  ['a root too long', v2(0, 4, ...root, 1), 'whose root is not 32 bytes'],
  ['a root with a bit too many', v2(0, 4, ...root.subarray(1), 0x40), 'not a number of the field'],
  ['a height below a quad', v2(0, 1, ...root), 'of height 1'],
  ['a height above all', v2(0, 48, ...root), 'of height 48'],
  ['more padding than room', v2(0xfe, 0x03, 4, ...root), 'more padding than it has room for'],
  ['a padding that is not minimal', v2(0x80, 0x00, 4, ...root), 'padding cannot be read'],
  ['a padding without end', v2(...new Array(40).fill(0xff)), 'padding cannot be read'],
  ['nothing at all', v2(), 'padding cannot be read'],
  [
    'version 1 with the wrong length',
    CID.createV1(0xf101, Digest.create(0x1012, root.subarray(1))),
    'whose root is not 32 bytes',
  ],
  ['version 1 with the hash of a file', CID.createV1(0xf101, Digest.create(0x12, root)), 'is not the CID of a piece'],
])('refuses %s', (_, cid, message) => {
  expect(() => parsePieceCid(cid)).toThrow(message)
})

test('refuses text that is no CID', () => {
  expect(() => parsePieceCidText('baga6ea4sea')).toThrow('"baga6ea4sea" is not the CID of a piece.')
})
