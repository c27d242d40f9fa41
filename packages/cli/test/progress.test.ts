import { progressOn } from '@keepsake/terminal/progress.ts'
import { expect, test } from 'vitest'

/** What is drawn on a terminal of so many columns; some do not know how many they have, and say 0. */
function drawnOn(columns: number): string {
  let drawn = ''
  const progress = progressOn({ isTTY: true, columns, write: (text) => (drawn += text) })
  progress.begin('Computing', 1000)
  progress.end()
  return drawn
}

test.each([80, 0])('a bar is drawn on a terminal of %i columns', (columns) => {
  expect(drawnOn(columns)).toContain('Computing ░░░')
})

test('a bar is cut to the terminal, and nothing is drawn elsewhere', () => {
  expect(drawnOn(10)).toContain('\rComputin…'.replace('\r', '\r\u001b[K'))
  let written = ''
  const progress = progressOn({ write: (text) => (written += text) })
  progress.begin('Computing', 1000)
  progress.update(500)
  progress.end()
  expect(written).toBe('')
})
