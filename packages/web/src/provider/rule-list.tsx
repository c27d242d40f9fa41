import type { StorageProviders } from '@keepsake/api/storage-providers.ts'
import { formatBytes } from '../ui/format.ts'

/** By which numbers pieces are given out. */
export function RuleList({ rules }: Pick<StorageProviders, 'rules'>) {
  const { replicas, perOrganisation, perCity, perCountry, perContinent, inFlightBytes, endingDays, mustMine, leastStanding } =
    rules
  return (
    <p className="field-hint">
      Every piece gets {replicas} replicas: at most {perOrganisation} at one organisation, {perCity} in a city, {perCountry} in a
      country and {perContinent} on a continent. One provider may have {formatBytes(inFlightBytes)} on the way. A deal that ends
      within {endingDays} days does not count any more.
      {mustMine && ' Providers have to be eligible for mining.'}
      {leastStanding !== 'any' &&
        ` Whoever does not give back what it stores gets nothing new: the standing has to be ${leastStanding === 'good' ? 'good' : 'shaky or good'}.`}
    </p>
  )
}
