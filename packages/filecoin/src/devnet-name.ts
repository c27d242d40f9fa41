/** How the networks call themselves that run on somebody's machine and simulate storage providers (`StateNetworkName`). */
export const devnetPrefix = 'keepsake-devnet-'

/** Whether a network is simulated, by its name. */
export function isDevnetName(network: string): boolean {
  return network.startsWith(devnetPrefix)
}
