import Type from 'typebox'

export const Did = Type.String({
  description: 'A did:key of an Ed25519 key.',
  examples: ['did:key:z6MkvxqUDNrq2QJhsMozHJnxPDHmv6KYpU9FmKKzWvxbUewg'],
})

export const RegisterDid = Type.Object({ did: Did })

/** The five tags of an nft.storage account, under their old names. */
export const UserTags = Type.Object(
  {
    HasAccountRestriction: Type.Boolean({ description: 'The account may not upload.' }),
    HasPsaAccess: Type.Boolean({ description: 'The account may use the Pinning Service API: here every account may.' }),
    HasDeleteRestriction: Type.Boolean({ description: 'The account may not delete.' }),
    HasSuperHotAccess: Type.Boolean({ description: 'Always false: the original service kept its perma-cache under this tag.' }),
    StorageLimitBytes: Type.String({ description: 'A number as text; empty where there is no limit.' }),
  },
  { title: 'UserTags' },
)
