import type { CID } from 'multiformats/cid'

/** The first block of networks that everybody knows: a name is quickly said, this is not made up. */
const genesisOf: Record<string, string> = {
  mainnet: 'bafy2bzacecnamqgqmifpluoeldx7zzglxcljo6oja4vrmtj7432rphldpdmm2',
  calibrationnet: 'bafy2bzacecyaggy24wol5ruvs6qm73gjibs2l2iyhcqmvi7r7a4ph7zx3yqd4',
}

/** Whether the chain of a network of this name may begin with this block. Of networks that nobody knows, any may. */
export function sameNetworkGenesis(network: string, genesis: CID): boolean {
  const wanted = genesisOf[network]
  return wanted === undefined || wanted === genesis.toString()
}
