import { parseAddress } from '@keepsake/filecoin/address.ts'
import { listedCid } from '@keepsake/filecoin/message.ts'
import { cidJson, string } from '@keepsake/filecoin/rpc/json.ts'
import { gasOf } from '../actors/machine.ts'
import { RefusedMessage } from '../chain/mempool.ts'
import { findId } from '../state/state.ts'
import { LotusError, rpcCode } from './errors.ts'
import { messageJson, readMessageJson, readSignedMessageJson, signedMessageJson } from './lotus-json.ts'
import type { Methods } from './methods.ts'
import type { NodeView } from './view.ts'

/** Lotus asks for more gas than it expects to be used. */
const gasOverestimation = 1.25

/** Methods to bring messages onto the chain. */
export function messageMethods({ chain }: NodeView): Methods {
  return {
    MpoolPush: async ([signed]) => {
      try {
        return cidJson(chain.push(readSignedMessageJson(signed)))
      } catch (error) {
        if (error instanceof RefusedMessage) throw new LotusError(error.message)
        throw error
      }
    },
    MpoolGetNonce: async ([address]) => {
      const sender = findId(chain.state, parseAddress(string(address)))
      if (sender === undefined) throw new LotusError('actor not found', rpcCode.actorNotFound)
      return chain.mempool.nextNonce(chain.state, sender)
    },
    MpoolPending: async () => chain.mempool.list().map((signed) => signedMessageJson(signed, listedCid(signed))),
    GasEstimateMessageGas: async ([json]) => {
      const message = readMessageJson(json)
      const gasLimit = message.gasLimit || Math.ceil(gasOf(message) * gasOverestimation)
      return messageJson({ ...message, gasLimit })
    },
  }
}
