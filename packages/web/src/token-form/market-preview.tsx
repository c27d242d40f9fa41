import { useEffect, useState } from 'react'
import { MarketCard } from './market-card.tsx'
import type { TokenDraft } from './token-draft.ts'

/** The address of a file of this page, for as long as it is shown. */
function useFileUrl(file: File | undefined): string | undefined {
  const [url, setUrl] = useState<string>()
  useEffect(() => {
    if (!file) return setUrl(undefined)
    const made = URL.createObjectURL(file)
    setUrl(made)
    return () => URL.revokeObjectURL(made)
  }, [file])
  return url
}

/** The token that is being written, as a marketplace would show it. */
export function MarketPreview({ draft: { name, description, image, animation, traits } }: { draft: TokenDraft }) {
  const imageUrl = useFileUrl(image)
  const animationUrl = useFileUrl(animation)
  const videoUrl = animation?.type.startsWith('video/') ? animationUrl : undefined
  const shown = traits.filter(({ type, value }) => type.trim() && value.trim())
  return <MarketCard token={{ name, description, imageUrl, videoUrl, traits: shown }} />
}
