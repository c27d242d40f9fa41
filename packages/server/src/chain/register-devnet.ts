import type { Db } from '../database/database.ts'
import { writeSource } from './source.ts'

/** What the devnet says when it is ready. */
export interface DevnetReady {
  rpcUrl: string
  controlUrl: string
  network: string
  genesisSeconds: number
  epochSeconds: number
  providers: {
    actorId: number
    name: string
    organisation: string
    city: string
    country: string
    continent: string
    retrievalUrl: string
  }[]
}

/** Makes a devnet the Filecoin network in use, and registers its storage providers; whether one is suspended stays as an operator left it. */
export async function registerDevnet({ kysely }: Db, ready: DevnetReady): Promise<void> {
  const { network, providers } = ready
  await kysely.transaction().execute(async (transaction) => {
    for (const { actorId, retrievalUrl, ...place } of providers) {
      const said = { ...place, retrieval_url: retrievalUrl, changed_at: new Date() }
      await transaction
        .insertInto('provider')
        .values({ network, actor_id: actorId, ...said })
        .onConflict((conflict) => conflict.columns(['network', 'actor_id']).doUpdateSet(said))
        .execute()
    }
    await writeSource(
      { kysely: transaction },
      {
        network,
        isDevnet: true,
        rpcUrls: [ready.rpcUrl],
        genesisAt: new Date(ready.genesisSeconds * 1000),
        epochSeconds: ready.epochSeconds,
        controlUrl: ready.controlUrl,
      },
    )
  })
}
