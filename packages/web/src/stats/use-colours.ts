import { useEffect, useState } from 'react'

/** Colours of the page, for what is drawn on a canvas. */
export interface Colours {
  ink: string
  inkSoft: string
  line: string
  verdigris: string
  copper: string
}

function readColours(): Colours {
  const style = getComputedStyle(document.documentElement)
  const read = (name: string) => style.getPropertyValue(name).trim()
  return {
    ink: read('--ink'),
    inkSoft: read('--ink-soft'),
    line: read('--line'),
    verdigris: read('--verdigris'),
    copper: read('--copper'),
  }
}

/** They change with the system's scheme and with the switch on the page. */
export function useColours(): Colours {
  const [colours, setColours] = useState(readColours)
  useEffect(() => {
    const update = () => setColours(readColours())
    const scheme = matchMedia('(prefers-color-scheme: dark)')
    const choice = new MutationObserver(update)
    scheme.addEventListener('change', update)
    choice.observe(document.documentElement, { attributeFilter: ['data-theme'] })
    return () => {
      scheme.removeEventListener('change', update)
      choice.disconnect()
    }
  }, [])
  return colours
}
