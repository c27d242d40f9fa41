import type { WebSocket } from 'ws'
import type { ChainChange } from '../chain/chain.ts'
import { answerCall, type Call, readCall } from './calls.ts'
import { tipSetJson } from './lotus-json.ts'
import type { Methods } from './methods.ts'
import { type NodeView, tipSetOf, viewOf } from './view.ts'

/** Bytes that may wait for a client that does not read, before it is cut off. */
const maxBacklogBytes = 8 * 1024 * 1024

interface Connection {
  view: NodeView
  methods: Methods
  client: WebSocket
  onTrouble(error: unknown): void
}

/** Answers the calls of one websocket, and tells it of the chain where it asked for that by `ChainNotify`. */
export function openSubscriptions({ view, methods, client, onTrouble }: Connection): void {
  /** What ends a channel, by the call that opened it. */
  const channels = new Map<Call['id'], () => void>()
  let lastChannel = 0

  const send = (value: unknown) => {
    if (client.bufferedAmount > maxBacklogBytes) client.terminate()
    else client.send(JSON.stringify(value))
  }

  function subscribe({ id }: Call): void {
    const channel = ++lastChannel
    const tell = (changes: unknown[]) => send({ jsonrpc: '2.0', method: 'xrpc.ch.val', params: [channel, changes] })
    send({ jsonrpc: '2.0', id, result: channel })
    const { cid, header } = tipSetOf(view, null)
    tell([{ Type: 'current', Val: tipSetJson(cid, header) }])
    const end = view.chain.onChange((changes) => tell(changes.map((change) => changeJson(view, change))))
    channels.get(id)?.()
    channels.set(id, () => {
      end()
      send({ jsonrpc: '2.0', method: 'xrpc.ch.close', params: [channel] })
    })
  }

  async function answer(text: string): Promise<void> {
    const call = readCall(text)
    if (!('method' in call)) return send(call)
    if (call.method === 'Filecoin.ChainNotify') return subscribe(call)
    if (call.method === 'xrpc.cancel') {
      const opener = call.params[0] as Call['id']
      channels.get(opener)?.()
      channels.delete(opener)
    } else send(await answerCall(methods, call, onTrouble))
  }

  client.on('message', (data) => void answer(String(data)).catch(onTrouble))
  client.on('error', onTrouble)
  client.on('close', () => {
    for (const end of channels.values()) end()
    channels.clear()
  })
}

function changeJson(view: NodeView, { type, row }: ChainChange): unknown {
  const { cid, header } = viewOf(view, row)
  return { Type: type, Val: tipSetJson(cid, header) }
}
