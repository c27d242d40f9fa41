import Type from 'typebox'

export const KeyScope = Type.Union([Type.Literal('all'), Type.Literal('upload'), Type.Literal('read'), Type.Literal('pins')], {
  description:
    '`all`; or only to `upload` (store and rename), to `read` (list and status), or to use `pins` (the Pinning Service API).',
})

/** A live API key. The secret is signed anew from its claims each time it is shown; it is not stored. */
export const ApiKey = Type.Object(
  {
    id: Type.Integer(),
    name: Type.String(),
    secret: Type.Union([Type.String(), Type.Null()], {
      description: 'Null for a key that another service issued: only its hash is here.',
    }),
    scope: KeyScope,
    created: Type.String({ format: 'date-time' }),
    expires: Type.Union([Type.String({ format: 'date-time' }), Type.Null()]),
    lastUsed: Type.Union([Type.String({ format: 'date-time' }), Type.Null()]),
  },
  { title: 'ApiKey' },
)
export type ApiKey = Type.Static<typeof ApiKey>

export const NewApiKey = Type.Object({
  name: Type.String({ minLength: 1, maxLength: 255, examples: ['website'] }),
  scope: Type.Optional(KeyScope),
  expires: Type.Optional(Type.String({ format: 'date-time', description: 'After this instant the key is refused.' })),
})

export const DeleteApiKey = Type.Object({ id: Type.Union([Type.Integer({ examples: [7] }), Type.String()]) })
