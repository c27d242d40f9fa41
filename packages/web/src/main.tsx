import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { App } from './app.tsx'
import '@fontsource-variable/bricolage-grotesque/wght.css'
import '@fontsource-variable/instrument-sans/wght.css'
import './styles/main.css'

const container = document.getElementById('app')
if (!container) throw new Error('The document has no place for the pages.')
createRoot(container).render(
  <StrictMode>
    <App />
  </StrictMode>,
)
