import Type from 'typebox'

/** How every failure of the native API looks. */
export const Failure = Type.Object(
  {
    ok: Type.Literal(false),
    error: Type.Object({
      code: Type.String({ description: 'A word to branch on.', examples: ['ERROR_INVALID_CAR'] }),
      message: Type.String({ description: 'A sentence for the person who made the request.' }),
    }),
  },
  { title: 'Failure' },
)

export type Failure = Type.Static<typeof Failure>
