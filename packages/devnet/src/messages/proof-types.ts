/**
 * The kind of proof of this network, where mainnet's would be the number of a zk-SNARK over a sealed sector: Merkle paths of leaves of a sector's
 * pieces that the beacon chose. No number of mainnet's, so that nobody takes one for the other.
 */
export const DEVNET_PROOF = 1001
