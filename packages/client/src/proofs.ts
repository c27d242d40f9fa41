import type { AbortOptions } from '@keepsake/content/block.ts'
import { ContentError, isContentError } from '@keepsake/content/errors.ts'
import { MAX_DOCUMENT_BYTES } from '@keepsake/content/proof/document.ts'
import type { CID } from 'multiformats/cid'
import type { CarBlocks } from './car-blocks.ts'
import { openCarBlocks } from './car-blocks.ts'
import type { Connection } from './connection.ts'
import { request } from './connection.ts'
import { isClientError } from './errors.ts'
import { requestBlock } from './gateway.ts'

/**
 * The text of the proof a server has of a content; nothing in it has been checked.
 *
 * @throws ClientError `REFUSED` with the reason where there is none, `UNREACHABLE`
 * @throws ContentError `LIMIT_EXCEEDED` for an answer that is too long to be one
 */
export async function fetchProof(connection: Connection, cid: CID, { signal }: AbortOptions = {}): Promise<string> {
  const response = await request(connection, `/api/proof/${cid}`, { headers: { accept: 'application/json' }, signal })
  return await textWithin(response.body ?? [], MAX_DOCUMENT_BYTES)
}

/** Reads text, and no more of it than may be. @throws ContentError `LIMIT_EXCEEDED` */
export async function textWithin(source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>, maxBytes: number): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  let bytes = 0
  for await (const chunk of source) {
    bytes += chunk.length
    if (bytes > maxBytes) throw new ContentError('LIMIT_EXCEEDED', `A proof may have ${maxBytes} bytes; this one has more.`)
    text += decoder.decode(chunk, { stream: true })
  }
  return text + decoder.decode()
}

export interface ProofBlocks extends AsyncDisposable {
  /** For `verifyProof`: blocks of the DAG come in one stream, others one by one. */
  read(cid: CID): Promise<Uint8Array>
}

export interface ProofBlocksOptions extends AbortOptions {
  onProgress?: ((receivedBytes: number) => void) | undefined
}

/** Blocks out of any trustless gateway, for checking a proof. Nothing is asked for before the first is needed. */
export function openProofBlocks(gateway: Connection, root: CID, { signal, onProgress }: ProofBlocksOptions = {}): ProofBlocks {
  let opening: Promise<CarBlocks | undefined> | undefined
  /** Undefined for a gateway that has no CAR of it: single blocks may still be had. */
  const open = async (): Promise<CarBlocks | undefined> => {
    try {
      return await openCarBlocks(gateway, root, { signal, onProgress })
    } catch (error) {
      if (isClientError(error, 'REFUSED')) return undefined
      throw error
    }
  }
  return {
    async read(cid) {
      opening ??= open()
      try {
        return (await (await opening)?.get(cid, { signal })) ?? (await requestBlock(gateway, cid, { signal }))
      } catch (error) {
        // That the gateway lies is not the same as that it does not answer.
        if (isClientError(error, 'NOT_VERIFIED') && isContentError(error.cause)) throw error.cause
        throw error
      }
    },
    async [Symbol.asyncDispose]() {
      await (await opening?.catch(() => undefined))?.[Symbol.asyncDispose]()
    },
  }
}
