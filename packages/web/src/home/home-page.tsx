import { useTitle } from '../ui/page.tsx'

export function HomePage() {
  useTitle('Keepsake')
  return (
    <div className="page">
      <h1>Keep what your tokens point to</h1>
    </div>
  )
}
