import { KeepsakeError } from '../errors.ts'
import type { Claim } from './import-deals.ts'

const maxClaims = 1000

function bad(message: string): KeepsakeError {
  return new KeepsakeError('BAD_REQUEST', message)
}

/** `7=4821234`, or the CID of the proposal in place of the 7; white space, a comma or a colon do as well. */
function parseLine(line: string): Claim {
  const match = /^([A-Za-z0-9]{1,100})\s*[=:,\s]\s*(\d{1,15})$/.exec(line)
  if (!match)
    throw bad(
      `A deal is written as in 7=4821234: its number here, and that on the chain. This is ${JSON.stringify(line.slice(0, 100))}.`,
    )
  const [, deal = '', chainDealId] = match
  return { deal: /^\d+$/.test(deal) ? Number(deal) : deal, chainDealId: Number(chainDealId) }
}

function parseExport(text: string): Claim[] {
  let found: unknown
  try {
    found = (JSON.parse(text) as { proposals?: unknown }).proposals
  } catch (cause) {
    throw bad(`This begins like JSON and is none: ${(cause as Error).message}`)
  }
  if (!Array.isArray(found)) throw bad('An export in JSON has a list of proposals; this has none.')
  const filledIn = (found as Record<string, unknown>[]).filter((proposal) => proposal?.chainDealId != null)
  return filledIn.map(({ proposalCid, deal, chainDealId }) => {
    if (!Number.isSafeInteger(chainDealId) || (chainDealId as number) < 0)
      throw bad(`The chainDealId of deal ${String(deal)} is a number; this is ${JSON.stringify(chainDealId)}.`)
    // By its CID: the number is of this server, and the file may have been elsewhere.
    if (typeof proposalCid !== 'string') throw bad(`Deal ${String(deal)} has no proposalCid.`)
    return { deal: proposalCid, chainDealId: chainDealId as number }
  })
}

/**
 * Reads which deal has which number on the chain: pairs, one a line, or an export in JSON in which `chainDealId` is filled in.
 *
 * @throws KeepsakeError `BAD_REQUEST` naming what is wrong
 */
export function parseClaims(text: string): Claim[] {
  const isJson = text.trimStart().startsWith('{')
  const lines = text.split('\n').map((line) => line.trim())
  const claims = isJson ? parseExport(text) : lines.filter((line) => line !== '' && !line.startsWith('#')).map(parseLine)
  if (claims.length > maxClaims) throw bad(`There are ${claims.length} deals; at most ${maxClaims} at once.`)
  return claims
}
