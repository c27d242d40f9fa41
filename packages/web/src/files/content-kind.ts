import type { Nft } from '@keepsake/api/nft.ts'

export type ContentKind = 'image' | 'video' | 'audio' | 'model' | 'text' | 'token' | 'directory' | 'file'

const endings: Record<string, ContentKind> = {
  ...kinds('image', 'png jpg jpeg gif webp avif svg bmp ico apng'),
  ...kinds('video', 'mp4 webm mov m4v ogv mkv'),
  ...kinds('audio', 'mp3 wav ogg oga flac m4a aac opus'),
  ...kinds('model', 'glb gltf obj stl usdz fbx ply 3mf'),
  ...kinds('text', 'txt md json csv html htm xml pdf js css'),
}

function kinds(kind: ContentKind, names: string): Record<string, ContentKind> {
  return Object.fromEntries(names.split(' ').map((name) => [name, kind]))
}

export const kindNames: Record<ContentKind, string> = {
  image: 'Image',
  video: 'Video',
  audio: 'Audio',
  model: '3D model',
  text: 'Document',
  token: 'NFT',
  directory: 'Directory',
  file: 'Content',
}

/** What an upload most likely is: by the type that was sent, the codec in its CID, then the ending of its name. */
export function kindOf({ type, name, cid }: Pick<Nft, 'type' | 'name' | 'cid'>): ContentKind {
  if (type === 'nft' || cid.startsWith('bafyrei')) return 'token'
  if (type === 'directory') return 'directory'
  const [main = ''] = type.split('/')
  if (main === 'image' || main === 'video' || main === 'audio' || main === 'model' || main === 'text') return main
  return endings[/\.([a-z0-9]+)$/i.exec(name.trim())?.[1]?.toLowerCase() ?? ''] ?? 'file'
}
