/** In the order of a map that is read like a page. */
export const continents = [
  { code: 'NA', name: 'North America' },
  { code: 'EU', name: 'Europe' },
  { code: 'AS', name: 'Asia' },
  { code: 'SA', name: 'South America' },
  { code: 'AF', name: 'Africa' },
  { code: 'OC', name: 'Oceania' },
  { code: 'AN', name: 'Antarctica' },
] as const

export function continentName(code: string): string {
  return continents.find((one) => one.code === code)?.name ?? code
}
