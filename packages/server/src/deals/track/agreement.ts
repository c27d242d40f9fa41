import { tipSetByHeight } from '@keepsake/filecoin/rpc/chain.ts'
import type { CallOptions, Rpc } from '@keepsake/filecoin/rpc/client.ts'
import { RpcError } from '@keepsake/filecoin/rpc/errors.ts'
import { isSameKey, type TipSet } from '@keepsake/filecoin/rpc/tip-set.ts'

/** One that hangs holds nothing up for longer. */
const patienceMs = 3_000

/**
 * Asks every node for the tipset of that epoch. Headers are not checked for who made them, so one node alone can show a chain of its own; two that do not belong
 * together will not show the same one. Those that are away or not so far yet have no say, and where there is only one node it has the only one.
 *
 * @throws RpcError `UNTRUE` where a node has another tipset there, and no two have this one: then nobody knows which is right
 */
export async function requireAgreement(rpc: Rpc, tipSet: TipSet, options: CallOptions): Promise<void> {
  if (rpc.nodes.length < 2) return
  const said = await Promise.all(rpc.nodes.map((node) => compareAt(node, tipSet, options)))
  const [same, other] = (['same', 'other'] as const).map((what) => said.filter((one) => one === what).length)
  if (other === 0 || (same as number) >= 2) return
  const message = `the nodes of FILECOIN_RPC do not agree about epoch ${tipSet.height}: one of them is on a fork, or shows a chain of its own`
  throw new RpcError('UNTRUE', 'ChainGetTipSetByHeight', message)
}

async function compareAt(node: Rpc, { cids, height }: TipSet, { signal }: CallOptions): Promise<'same' | 'other' | undefined> {
  const patience = AbortSignal.timeout(patienceMs)
  try {
    const found = await tipSetByHeight(node, height, undefined, {
      signal: signal ? AbortSignal.any([signal, patience]) : patience,
    })
    return isSameKey(found.cids, cids) ? 'same' : 'other'
  } catch (error) {
    signal?.throwIfAborted()
    if (error instanceof RpcError || patience.aborted) return undefined
    throw error
  }
}
