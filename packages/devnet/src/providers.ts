/** Who a simulated storage provider says it is, for the rules that spread replicas over the world. */
export interface ProviderProfile {
  name: string
  organisation: string
  city: string
  /** ISO 3166-1 alpha-2. */
  country: string
  continent: 'AF' | 'AN' | 'AS' | 'EU' | 'NA' | 'OC' | 'SA'
}

/** In the order in which a devnet of more or fewer providers has them. No two share a city, a country or an organisation. */
export const profiles: readonly ProviderProfile[] = [
  { name: 'Simulated Oslo', organisation: 'Fjord Devnet Storage', city: 'Oslo', country: 'NO', continent: 'EU' },
  { name: 'Simulated Singapore', organisation: 'Strait Devnet Storage', city: 'Singapore', country: 'SG', continent: 'AS' },
  { name: 'Simulated Santiago', organisation: 'Andes Devnet Storage', city: 'Santiago', country: 'CL', continent: 'SA' },
  { name: 'Simulated Toronto', organisation: 'Lakes Devnet Storage', city: 'Toronto', country: 'CA', continent: 'NA' },
  { name: 'Simulated Nairobi', organisation: 'Savanna Devnet Storage', city: 'Nairobi', country: 'KE', continent: 'AF' },
  { name: 'Simulated Wellington', organisation: 'Harbour Devnet Storage', city: 'Wellington', country: 'NZ', continent: 'OC' },
]
