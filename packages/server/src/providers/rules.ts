import { paddedBytes } from '@keepsake/content/piece/piece.ts'
import type { Config } from '../config.ts'
import { backingRefusal, type DataCap } from './backing.ts'
import type { Place, Provider } from './providers.ts'
import type { Refusal } from './refusals.ts'
import { isGoodEnough, type LeastStanding, type RetrievalRecord } from './retrieval-records.ts'

/** By which numbers pieces are given out. */
export interface ReplicationRules {
  maxTotal: number
  maxPerOrganisation: number
  maxPerCity: number
  maxPerCountry: number
  maxPerContinent: number
  /** Padded bytes taken and not in a sector yet, of one provider. */
  maxInFlightBytes: number
  /** A deal that ends within so many epochs does not count any more. */
  endingEpochs: number
  /** `auto`: everywhere but on the devnet. */
  mustMine: 'auto' | 'yes' | 'no'
  /** What a provider's standing has to be at least. */
  leastStanding: LeastStanding
}

const epochsPerDay = 2880

export function replicationRules(config: Config): ReplicationRules {
  return {
    maxTotal: config.DEAL_REPLICAS,
    maxPerOrganisation: config.DEAL_MAX_PER_ORGANISATION,
    maxPerCity: config.DEAL_MAX_PER_CITY,
    maxPerCountry: config.DEAL_MAX_PER_COUNTRY,
    maxPerContinent: config.DEAL_MAX_PER_CONTINENT,
    maxInFlightBytes: config.DEAL_MAX_IN_FLIGHT_BYTES,
    endingEpochs: config.DEAL_ENDING_DAYS * epochsPerDay,
    mustMine: config.PROVIDER_MUST_MINE,
    leastStanding: leastStandingOf(config),
  }
}

/** Where nobody is asked for anything, nobody can show that they do better. */
export function leastStandingOf(config: Pick<Config, 'RETRIEVAL_CHECK_MINUTES' | 'PROVIDER_LEAST_STANDING'>): LeastStanding {
  return config.RETRIEVAL_CHECK_MINUTES === 0 ? 'any' : config.PROVIDER_LEAST_STANDING
}

/** Whether providers have to be eligible for mining on the network this server is on. */
export function mustMineOn({ isDevnet }: { isDevnet: boolean }, { mustMine }: Pick<ReplicationRules, 'mustMine'>): boolean {
  return mustMine === 'auto' ? !isDevnet : mustMine === 'yes'
}

/** How many live replicas there are, seen from one provider. */
export interface ReplicaCounts {
  total: number
  inOrganisation: number
  inCity: number
  inCountry: number
  onContinent: number
  /** At the provider itself. */
  own: number
}

function isSame(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase()
}

/** Which other places are the same as this one, for the rules. Cities are those of a country. */
export function sharedPlaces(one: Place, other: Place): Record<'organisation' | 'city' | 'country' | 'continent', boolean> {
  const country = one.country === other.country
  return {
    organisation: isSame(one.organisation, other.organisation),
    city: country && isSame(one.city, other.city),
    country,
    continent: one.continent === other.continent,
  }
}

/** What is known of whoever asks for a piece. */
export interface Asker {
  provider: Provider
  sectorSizeBytes: number
  /** Undefined where nobody has to be. */
  mayMine: boolean | undefined
  /** How it gives back what it stores. */
  retrievals: RetrievalRecord
  /** Whether it has any deal that lives. */
  holdsAny: boolean
  /** Padded. */
  inFlightBytes: number
  /** Undefined where its deals need none. */
  dataCap: DataCap | undefined
}

/** Every reason for which a provider may not have pieces at all at the moment. */
export function standingRefusals(
  { provider, mayMine, retrievals, holdsAny }: Pick<Asker, 'provider' | 'mayMine' | 'retrievals' | 'holdsAny'>,
  { leastStanding }: Pick<ReplicationRules, 'leastStanding'>,
): Refusal[] {
  const refusals: Refusal[] = []
  if (provider.state === 'suspended') {
    const because = provider.suspendedBecause ? `: ${provider.suspendedBecause}` : ''
    refusals.push({
      code: 4012,
      line: `This provider is suspended${because}. Its deals go on; it gets no new ones until the operator ends that.`,
    })
  }
  if (mayMine === false) {
    refusals.push({
      code: 4013,
      line: 'This provider is not eligible for mining at the moment (MinerGetBaseInfo): it has too little power, or faults.',
    })
  }
  // Who holds nothing could never show that they do better: they get one piece, and the next when they gave that back.
  if (holdsAny && !isGoodEnough(retrievals.standing, leastStanding))
    refusals.push({ code: 4014, line: poorLine(retrievals, leastStanding) })
  return refusals
}

function poorLine({ standing, checks, verified, lastFailure }: RetrievalRecord, least: LeastStanding): string {
  const last = lastFailure ? ` The last failure: ${lastFailure}` : ''
  return (
    `This provider does not give back what it stores: of the last ${checks} times it was asked for some of it, ${verified} went well. ` +
    `Its standing is ${standing}; it gets new pieces again once that is ${least}.${last}`
  )
}

function bound(count: number, max: number, where: string): Refusal | undefined {
  if (count < max) return undefined
  const replicas = count === 1 ? 'is 1 live replica' : `are ${count} live replicas`
  return { code: 4023, line: `There ${replicas} ${where} already; ${max} ${max === 1 ? 'is' : 'are'} the most.` }
}

/** Every reason for which the asker may not have this piece; none where it may. `height`: of the piece. */
export function pieceRefusals(asker: Asker, height: number, counts: ReplicaCounts, rules: ReplicationRules): Refusal[] {
  const { provider, sectorSizeBytes, inFlightBytes } = asker
  const sizeBytes = paddedBytes(height)
  const refusals: (Refusal | undefined)[] = [...standingRefusals(asker, rules), backingRefusal(asker.dataCap, height)]
  if (sizeBytes > sectorSizeBytes) {
    refusals.push({ code: 4011, line: `The piece takes ${sizeBytes} bytes; a sector of this provider has ${sectorSizeBytes}.` })
  }
  if (counts.own > 0) {
    refusals.push({ code: 4021, line: 'This provider holds a replica of the piece already, or has it reserved.' })
  }
  if (inFlightBytes + sizeBytes > rules.maxInFlightBytes) {
    refusals.push({
      code: 4024,
      line: `This provider has taken ${inFlightBytes} bytes that are in no sector yet; with this piece there would be more than ${rules.maxInFlightBytes}.`,
    })
  }
  // Its own replica is one reason, not five.
  const others = (count: number) => count - counts.own
  refusals.push(
    bound(others(counts.total), rules.maxTotal, 'of the piece'),
    bound(others(counts.inOrganisation), rules.maxPerOrganisation, `at ${provider.organisation}`),
    bound(others(counts.inCity), rules.maxPerCity, `in ${provider.city}`),
    bound(others(counts.inCountry), rules.maxPerCountry, `in ${provider.country}`),
    bound(others(counts.onContinent), rules.maxPerContinent, `on the continent ${provider.continent}`),
  )
  return refusals.filter((refusal) => refusal !== undefined)
}
