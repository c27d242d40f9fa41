import Type from 'typebox'

// What the website's own pages are answered under `/account`. Keys do not work there: a session does, in a cookie.

const instant = Type.String({ format: 'date-time' })
const nullable = <T extends Type.TSchema>(schema: T) => Type.Union([schema, Type.Null()])

const Next = Type.Optional(Type.String({ description: 'A path of this website to go to afterwards; `/` when it is none.' }))

/** Which ways lead in here. */
export const SignInOptions = Type.Object(
  {
    signUp: Type.Union([Type.Literal('open'), Type.Literal('invited'), Type.Literal('closed')], {
      description: 'Who may make an account by signing in for the first time. Invitations are for e-mail addresses.',
    }),
    email: Type.Object({
      sends: Type.Boolean({ description: 'Whether links are sent by mail. If not, they are in the log of the server.' }),
    }),
    passkeys: Type.Boolean(),
    wallet: Type.Boolean(),
    github: Type.Boolean(),
    magic: Type.Boolean(),
  },
  { title: 'SignInOptions' },
)
export type SignInOptions = Type.Static<typeof SignInOptions>

export const AskForLink = Type.Object({ email: Type.String(), next: Next })

/** The same for every address. */
export const LinkAsked = Type.Object(
  {
    expiresInSeconds: Type.Integer(),
    link: Type.Optional(
      Type.String({ description: 'Only where no mail server is configured and nobody but this machine can reach the server.' }),
    ),
  },
  { title: 'LinkAsked' },
)

export const OpenLink = Type.Object({
  token: Type.String({ description: 'What follows `#` in the link.', maxLength: 200 }),
  confirm: Type.Optional(Type.Boolean({ description: 'Sign in although another browser asked for the link.' })),
})

export const LinkOpened = Type.Union(
  [
    Type.Object({
      status: Type.Literal('confirm', {
        description: 'Another browser asked for this link. Show the address, ask, and send the same again with `confirm`.',
      }),
      email: Type.String(),
    }),
    Type.Object({ status: Type.Literal('signed-in'), isNew: Type.Boolean(), next: Type.String() }),
    Type.Object({ status: Type.Literal('added'), email: Type.String(), next: Type.String() }),
  ],
  { title: 'LinkOpened' },
)

/** Who came in. */
export const SignedIn = Type.Object(
  { isNew: Type.Boolean({ description: 'The account was made just now.' }), next: Type.String() },
  { title: 'SignedIn' },
)
export type SignedIn = Type.Static<typeof SignedIn>

export const AskWallet = Type.Object({
  address: Type.String({ pattern: '^0x[0-9a-fA-F]{40}$', description: 'Address of an account that signs itself.' }),
  chainId: Type.Optional(Type.Integer({ minimum: 1, description: 'EIP-155 chain id the wallet is on; 1 when absent.' })),
})

export const WalletMessage = Type.Object(
  {
    message: Type.String({ description: 'EIP-4361 text to be signed with `personal_sign`.' }),
    nonce: Type.String(),
    expires: instant,
  },
  { title: 'WalletMessage' },
)

export const WalletProof = Type.Object({
  message: Type.String({
    maxLength: 4000,
    description: 'The text that was signed: ours, or one of your own with the same address, domain, chain id and nonce.',
  }),
  signature: Type.String({ maxLength: 20_000, description: '65 bytes in hexadecimal, from `personal_sign`.' }),
  next: Next,
})

export const AskGithub = Type.Object({ next: Next })
export const GithubStart = Type.Object(
  { url: Type.String({ description: 'Where the browser has to go.' }) },
  { title: 'GithubStart' },
)

export const MagicProof = Type.Object({
  token: Type.String({ maxLength: 10_000, description: 'A Magic DID token.' }),
  next: Next,
})

/** What WebAuthn defines stays as it defines it: `PublicKeyCredential…JSON` (Web Authentication Level 3, section 5.1). */
export const PasskeyOptions = Type.Object(
  {},
  { title: 'PasskeyOptions', description: 'For `PublicKeyCredential.parse…OptionsFromJSON`.' },
)
const credentialJson = (what: string) =>
  Type.Object(
    { id: Type.String({ maxLength: 2000 }), response: Type.Object({}) },
    { description: `\`${what}\` of the browser, with \`toJSON()\`.` },
  )
export const PasskeyProof = Type.Object({ credential: credentialJson('navigator.credentials.get'), next: Next })
const name = Type.String({ minLength: 1, maxLength: 100, pattern: '^[^\\u0000-\\u001f]*$' })
export const NewPasskey = Type.Object({ credential: credentialJson('navigator.credentials.create'), name: Type.Optional(name) })
export const RenamePasskey = Type.Object({ name })

export const WayIn = Type.Object(
  {
    id: Type.String({ examples: ['email', 'passkey-3', 'wallet-8'] }),
    kind: Type.Union([
      Type.Literal('email'),
      Type.Literal('passkey'),
      Type.Literal('wallet'),
      Type.Literal('github'),
      Type.Literal('magic'),
    ]),
    label: Type.String({ description: 'The address, or what its owner called it.' }),
    created: instant,
    lastUsed: nullable(instant),
  },
  { title: 'WayIn' },
)
export type WayIn = Type.Static<typeof WayIn>
export const WayInParams = Type.Object({ id: Type.String() })

export const Session = Type.Object(
  {
    id: Type.Integer(),
    isCurrent: Type.Boolean(),
    way: Type.String({ description: 'How its owner signed in.', examples: ['email', 'passkey'] }),
    userAgent: Type.String(),
    created: instant,
    lastUsed: instant,
    expires: instant,
  },
  { title: 'Session' },
)
export type Session = Type.Static<typeof Session>
/** The number of a row. */
const Id = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER })
export const IdParams = Type.Object({ id: Id })

const storage = Type.Object({
  usedBytes: Type.Integer(),
  limitBytes: nullable(Type.Integer({ description: 'Null where there is no limit.' })),
})

export const Me = Type.Object(
  {
    id: Type.Integer(),
    email: nullable(Type.String()),
    name: nullable(Type.String()),
    label: Type.String({ description: 'How to call the account; also what has to be typed to delete it.' }),
    created: instant,
    isAdmin: Type.Boolean(),
    uploadsRestricted: Type.Boolean(),
    deletesRestricted: Type.Boolean(),
    storage,
    waysIn: Type.Array(WayIn),
  },
  { title: 'Me' },
)
export type Me = Type.Static<typeof Me>

export const DeleteMe = Type.Object({
  confirm: Type.String({ description: 'The `label` of the account, so that nobody does this by a slip.' }),
})

export const SetUp = Type.Object({
  token: Type.String({ maxLength: 200, description: 'What follows `#` in the link from the log.' }),
  email: Type.String({ description: 'The address of the administrator.' }),
})
