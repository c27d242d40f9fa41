import type { Nft } from '@keepsake/api/nft.ts'
import { useCallback, useRef, useState } from 'react'

export interface Selection {
  chosen: ReadonlySet<string>
  /** Whether more is chosen than this page: all files that match. */
  isEverything: boolean
  /** With `isRange`, all between this one and the one before it. */
  choose: (cid: string, isChosen: boolean, isRange: boolean) => void
  choosePage: (isChosen: boolean) => void
  chooseEverything: () => void
  clear: () => void
}

/** Which files of a page are chosen. */
export function useSelection(files: readonly Nft[]): Selection {
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set())
  const [isEverything, setEverything] = useState(false)
  const last = useRef<string>(undefined)
  const shown = useRef(files)
  shown.current = files
  const choose = useCallback((cid: string, isChosen: boolean, isRange: boolean) => {
    const range = isRange ? between(shown.current, last.current, cid) : [cid]
    last.current = cid
    setEverything(false)
    setChosen((before) => {
      const after = new Set(before)
      for (const one of range) {
        if (isChosen) after.add(one)
        else after.delete(one)
      }
      return after
    })
  }, [])
  const choosePage = (isChosen: boolean) => {
    setEverything(false)
    setChosen(new Set(isChosen ? files.map(({ cid }) => cid) : []))
  }
  const here = new Set(files.flatMap(({ cid }) => (chosen.has(cid) ? [cid] : [])))
  return {
    chosen: here,
    isEverything,
    choose,
    choosePage,
    chooseEverything: () => setEverything(true),
    clear: () => choosePage(false),
  }
}

function between(files: readonly Nft[], from: string | undefined, to: string): string[] {
  const places = [from, to].map((cid) => files.findIndex((file) => file.cid === cid)).toSorted((a, b) => a - b)
  const [first = -1, last = -1] = places
  return first < 0 ? [to] : files.slice(first, last + 1).map(({ cid }) => cid)
}
