import { useEffect, useState } from 'react'

/** Searches a moment after the last key. */
export function SearchField({ value, onSearch }: { value: string; onSearch: (text: string) => void }) {
  const [text, setText] = useState(value)
  useEffect(() => {
    if (text.trim() === value) return
    const timer = setTimeout(() => onSearch(text.trim()), 250)
    return () => clearTimeout(timer)
  }, [text, value, onSearch])
  return (
    <search className="search field">
      <label htmlFor="file-search" className="visually-hidden">
        Search by name or CID
      </label>
      <input
        id="file-search"
        type="search"
        placeholder="Search by name or CID"
        autoComplete="off"
        spellCheck={false}
        dir="auto"
        value={text}
        onChange={(event) => setText(event.target.value)}
      />
    </search>
  )
}
