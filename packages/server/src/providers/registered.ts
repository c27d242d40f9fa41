import type { Db } from '../database/database.ts'
import { KeepsakeError } from '../errors.ts'
import { addressOf, checkDetails, type Provider, type ProviderDetails } from './providers.ts'
import { insertProvider, selectProvider, selectProviders, updateProvider } from './store.ts'

/** Providers of a network, by their numbers. */
export async function listProviders(database: Db, network: string): Promise<Provider[]> {
  return await selectProviders(database, network)
}

export async function findProvider(database: Db, network: string, actorId: number): Promise<Provider | undefined> {
  return await selectProvider(database, network, actorId)
}

/** @throws KeepsakeError `NOT_FOUND` */
export async function getProvider(database: Db, network: string, actorId: number): Promise<Provider> {
  const found = await selectProvider(database, network, actorId)
  if (!found) throw new KeepsakeError('NOT_FOUND', `${addressOf({ actorId })} is not registered on ${network}.`)
  return found
}

/** From now on it may take pieces. @throws KeepsakeError `BAD_REQUEST`, `CONFLICT` where it is registered already */
export async function registerProvider(
  database: Db,
  network: string,
  actorId: number,
  given: ProviderDetails,
): Promise<Provider> {
  const details = checkDetails(given) as ProviderDetails
  const made = await insertProvider(database, network, actorId, details)
  if (!made) throw new KeepsakeError('CONFLICT', `${addressOf({ actorId })} is registered on ${network} already.`)
  return made
}

/** @throws KeepsakeError `BAD_REQUEST`, `NOT_FOUND` */
export async function changeProvider(
  database: Db,
  network: string,
  actorId: number,
  given: Partial<ProviderDetails>,
): Promise<Provider> {
  const { id } = await getProvider(database, network, actorId)
  await updateProvider(database, id, checkDetails(given))
  return await getProvider(database, network, actorId)
}

/** It gets nothing new; its deals go on. @throws KeepsakeError `NOT_FOUND` */
export async function suspendProvider(database: Db, network: string, actorId: number, because: string): Promise<Provider> {
  const { id } = await getProvider(database, network, actorId)
  await updateProvider(database, id, { state: 'suspended', suspendedBecause: because.trim() || null })
  return await getProvider(database, network, actorId)
}

/** @throws KeepsakeError `NOT_FOUND` */
export async function resumeProvider(database: Db, network: string, actorId: number): Promise<Provider> {
  const { id } = await getProvider(database, network, actorId)
  await updateProvider(database, id, { state: 'active', suspendedBecause: null })
  return await getProvider(database, network, actorId)
}
