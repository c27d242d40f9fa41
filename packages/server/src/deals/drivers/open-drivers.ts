import type { DealDriver } from './driver.ts'
import { selfService } from './self-service.ts'

/** Every way in which proposals come to providers, by its name. */
export function openDrivers(): ReadonlyMap<string, DealDriver> {
  return new Map([selfService].map((driver) => [driver.name, driver]))
}
