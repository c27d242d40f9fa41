import { isContentError } from '@keepsake/content/errors.ts'
import { cutParts } from './cut-parts.ts'
import { locatedBlocks } from './located-blocks.ts'
import type { PackMessage, PackRequest } from './pack-request.ts'

/** Progress is told at most this often: the page has better things to do than to draw every piece. */
const tellEveryMs = 80

function tell(message: PackMessage): void {
  postMessage(message)
}

async function pack(request: PackRequest): Promise<void> {
  let readBytes = 0
  let toldAt = 0
  const onRead = (bytes: number) => {
    readBytes += bytes
    if (performance.now() - toldAt < tellEveryMs) return
    toldAt = performance.now()
    tell({ type: 'progress', readBytes })
  }
  try {
    const packed = await cutParts(locatedBlocks(request, onRead))
    tell({ type: 'progress', readBytes })
    tell({ type: 'packed', packed })
  } catch (error) {
    tell({ type: 'failed', reason: reasonOf(error), message: error instanceof Error ? error.message : String(error) })
  }
}

function reasonOf(error: unknown): 'unreadable' | 'content' | 'unexpected' {
  if (error instanceof DOMException && /^Not(Readable|Found|Allowed)Error$/.test(error.name)) return 'unreadable'
  return isContentError(error) ? 'content' : 'unexpected'
}

addEventListener('message', ({ data }: MessageEvent<PackRequest>) => void pack(data))
