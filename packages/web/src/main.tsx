import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { App } from './app.tsx'
import './styles/main.css'

const container = document.getElementById('app')
if (!container) throw new Error('The document has no place for the pages.')
createRoot(container).render(
  <StrictMode>
    <App />
  </StrictMode>,
)
