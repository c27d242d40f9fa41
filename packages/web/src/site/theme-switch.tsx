import { useState } from 'react'

type Theme = 'system' | 'light' | 'dark'

const following: Record<Theme, Theme> = { system: 'light', light: 'dark', dark: 'system' }
const names: Record<Theme, string> = { system: 'as the system', light: 'light', dark: 'dark' }

function readTheme(): Theme {
  const chosen = document.documentElement.dataset.theme
  return chosen === 'light' || chosen === 'dark' ? chosen : 'system'
}

function applyTheme(theme: Theme): void {
  if (theme === 'system') delete document.documentElement.dataset.theme
  else document.documentElement.dataset.theme = theme
  try {
    if (theme === 'system') localStorage.removeItem('keepsake-theme')
    else localStorage.setItem('keepsake-theme', theme)
  } catch {
    // It holds until the page is left.
  }
}

/** Walks through system, light and dark. */
export function ThemeSwitch() {
  const [theme, setTheme] = useState(readTheme)
  const next = following[theme]
  const change = () => {
    applyTheme(next)
    setTheme(next)
  }
  return (
    <button type="button" className="theme-switch" onClick={change} title={`Colours: ${names[theme]}`}>
      <svg viewBox="0 0 16 16" width="18" height="18" aria-hidden="true">
        <circle cx="8" cy="8" r="6.2" fill="none" stroke="currentColor" strokeWidth="1.4" />
        {theme === 'light' && <circle cx="8" cy="8" r="2.4" fill="currentColor" />}
        {theme === 'dark' && <circle cx="8" cy="8" r="6.2" fill="currentColor" />}
        {theme === 'system' && <path d="M8 1.8a6.2 6.2 0 0 1 0 12.4z" fill="currentColor" />}
      </svg>
      <span className="visually-hidden">
        Colours: {names[theme]}. Change to {names[next]}.
      </span>
    </button>
  )
}
