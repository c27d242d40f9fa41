import Type from 'typebox'

/** Something to believe a step by: what can be looked up elsewhere. */
export const Evidence = Type.Object(
  {
    label: Type.String({ description: 'What it is.', examples: ['CAR'] }),
    value: Type.String(),
    kind: Type.Union([Type.Literal('id'), Type.Literal('bytes'), Type.Literal('instant'), Type.Literal('text')], {
      description: '`id`: a CID or another name to copy; `bytes`: a number of bytes; `instant`: an RFC 3339 date-time.',
    }),
    href: Type.Optional(Type.String({ description: 'Where it can be looked at.' })),
  },
  { title: 'Evidence' },
)
export type Evidence = Type.Static<typeof Evidence>

/** How to see that a step is true without believing this server. */
export const Verification = Type.Object(
  {
    tells: Type.String({ description: 'What it shows, in a sentence.' }),
    command: Type.Optional(Type.String({ description: 'For a shell.' })),
    href: Type.Optional(Type.String({ description: 'A page or a document to look at.' })),
  },
  { title: 'Verification' },
)
export type Verification = Type.Static<typeof Verification>

export const TimelineStep = Type.Object(
  {
    step: Type.String({
      description:
        'A word for programs, once in a timeline; after a colon what it is about where a step can be there several times.',
      examples: ['received', 'pinned:embedded'],
    }),
    state: Type.Union([Type.Literal('done'), Type.Literal('waiting'), Type.Literal('failed')]),
    title: Type.String({ description: 'For people.', examples: ['Complete'] }),
    text: Type.String({ description: 'What happened, or what is waited for.' }),
    at: Type.Optional(Type.String({ format: 'date-time', description: 'When it became true, or failed.' })),
    since: Type.Optional(Type.String({ format: 'date-time', description: 'Since when it is waited for.' })),
    nextAt: Type.Optional(Type.String({ format: 'date-time', description: 'When it is tried again.' })),
    evidence: Type.Array(Evidence),
    /** More of the same kind than are shown. */
    evidenceOmitted: Type.Optional(Type.Integer({ description: 'How many more pieces of evidence there are.' })),
    checks: Type.Array(Verification),
  },
  { title: 'TimelineStep' },
)
export type TimelineStep = Type.Static<typeof TimelineStep>

/** What became of one of your uploads, in the order in which it becomes true. What this server does not do is not in it. */
export const Timeline = Type.Object({ cid: Type.String(), steps: Type.Array(TimelineStep) }, { title: 'Timeline' })
export type Timeline = Type.Static<typeof Timeline>

/** Data of an `uploads` event. */
export const UploadsChanged = Type.Object(
  {
    cids: Type.Array(Type.String(), {
      description: 'Uploads of yours of which something became: new, renamed, complete, pinned, deleted.',
    }),
    isAll: Type.Boolean({ description: 'Whether there may be more than those named: look at everything again.' }),
  },
  { title: 'UploadsChanged' },
)
export type UploadsChanged = Type.Static<typeof UploadsChanged>
