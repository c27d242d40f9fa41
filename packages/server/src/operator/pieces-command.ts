import { pieceCidV1 } from '@keepsake/content/piece/piece-cid.ts'
import type { Command } from 'commander'
import { aggregatePieces } from '../aggregates/aggregate-pieces.ts'
import { getPiece } from '../pieces/pieces.ts'
import { pieceUrl, signLink } from '../pieces/signed-links.ts'
import type { Context } from './context.ts'
import { print, tell, withService } from './context.ts'
import { parseExpiry } from './expiry.ts'
import { dataHelp } from './program-help.ts'

interface LinkOptions {
  validFor: string
}

async function link(context: Context, cid: string, { validFor }: LinkOptions): Promise<void> {
  const end = parseExpiry(validFor, new Date())
  await withService(context, async (service) => {
    const { piece } = await getPiece(aggregatePieces(service), cid)
    print(pieceUrl(service.config.PUBLIC_URL, String(pieceCidV1(piece)), signLink(service.pieceLinkSecret, piece, end)))
    if (service.config.PIECE_DOWNLOADS === 'open')
      tell('Pieces are open here (PIECE_DOWNLOADS=open): it works without the signature, too.')
  })
}

export function addPieces(program: Command, context: Context): void {
  program
    .command('pieces')
    .description('give pieces to storage providers')
    .command('link')
    .description('print an address under which a piece can be downloaded for some time')
    .argument('<piece-cid>', 'the piece CID of an aggregate, version 1 or 2')
    .option('--valid-for <time>', 'how long: 12h, 30d, 8w, or until a date', '30d')
    .addHelpText('after', `${dataHelp}\n\nExample:\n  $ keepsake pieces link baga6ea4sea... --valid-for 7d`)
    .action((cid: string, options: LinkOptions) => link(context, cid, options))
}
