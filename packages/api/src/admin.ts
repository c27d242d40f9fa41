import Type from 'typebox'
import { Health } from './service.ts'

// What administrators are answered under `/account/admin`.

const instant = Type.String({ format: 'date-time' })
const nullable = <T extends Type.TSchema>(schema: T) => Type.Union([schema, Type.Null()])

export const AdminUser = Type.Object(
  {
    id: Type.Integer(),
    email: nullable(Type.String()),
    name: nullable(Type.String()),
    created: instant,
    lastSeen: nullable(instant),
    isAdmin: Type.Boolean(),
    uploadsRestricted: Type.Boolean(),
    deletesRestricted: Type.Boolean(),
    uploads: Type.Integer(),
    storage: Type.Object({ usedBytes: Type.Integer(), limitBytes: nullable(Type.Integer()) }),
  },
  { title: 'AdminUser' },
)
export type AdminUser = Type.Static<typeof AdminUser>

export const AdminUsersQuery = Type.Object({
  search: Type.Optional(
    Type.String({ maxLength: 254, description: 'Only users whose address or name contains this, in any case.' }),
  ),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200, default: 50 })),
  after: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: Number.MAX_SAFE_INTEGER,
      description: 'The id of the last user of the page before. Newest users come first.',
    }),
  ),
})
export type AdminUsersQuery = Type.Static<typeof AdminUsersQuery>

export const AdminUsers = Type.Object(
  {
    users: Type.Array(AdminUser),
    count: Type.Integer({ description: 'How many match, over all pages.' }),
    next: nullable(Type.Integer()),
  },
  { title: 'AdminUsers' },
)

/** A key as an administrator sees it: never its secret. */
export const AdminKey = Type.Object(
  {
    id: Type.Integer(),
    name: Type.String(),
    scope: Type.String(),
    created: instant,
    expires: nullable(instant),
    lastUsed: nullable(instant),
    blockedReason: nullable(Type.String()),
  },
  { title: 'AdminKey' },
)
export type AdminKey = Type.Static<typeof AdminKey>

export const AdminUserDetails = Type.Object({ user: AdminUser, keys: Type.Array(AdminKey) }, { title: 'AdminUserDetails' })

export const NewUser = Type.Object({
  email: Type.String(),
  name: Type.Optional(Type.String({ maxLength: 255, pattern: '^[^\\u0000]*$' })),
})

export const ChangeUser = Type.Object(
  {
    isAdmin: Type.Optional(Type.Boolean()),
    uploadsRestricted: Type.Optional(Type.Boolean()),
    deletesRestricted: Type.Optional(Type.Boolean()),
    // Not a union: a validator that coerces would make null into 0.
    storageLimitBytes: Type.Optional(
      Type.Unsafe<number | null>({ type: ['integer', 'null'], minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
    ),
  },
  { minProperties: 1 },
)
export type ChangeUser = Type.Static<typeof ChangeUser>

export const BlockKey = Type.Object({
  reason: Type.String({ minLength: 1, maxLength: 500, pattern: '^[^\\u0000]*$', description: 'Told to whoever uses the key.' }),
})

export const Invitation = Type.Object(
  { id: Type.Integer(), email: Type.String(), created: instant, invitedBy: nullable(Type.String()) },
  { title: 'Invitation' },
)
export type Invitation = Type.Static<typeof Invitation>
export const NewInvitation = Type.Object({ email: Type.String() })

/** A job that was tried as often as it may be. */
export const FailedJob = Type.Object(
  {
    id: Type.String(),
    name: Type.String({ examples: ['complete-dag'] }),
    payload: Type.Unknown({ description: 'What it is about.' }),
    attempts: Type.Integer(),
    reason: Type.String({ description: 'The error of the last attempt.' }),
    created: instant,
    failed: instant,
  },
  { title: 'FailedJob' },
)
export type FailedJob = Type.Static<typeof FailedJob>

export const FailedJobsQuery = Type.Object({
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200, default: 50 })),
  after: Type.Optional(Type.String({ pattern: '^\\d{1,18}$', description: 'The id of the last job of the page before.' })),
})

export const FailedJobs = Type.Object(
  { jobs: Type.Array(FailedJob), count: Type.Integer(), next: nullable(Type.String()) },
  { title: 'FailedJobs' },
)

/** Everything that has to work, each tried just now. */
export const SystemHealth = Type.Object(
  {
    ...Health.properties,
    jobs: Type.Object({
      waiting: Type.Integer({ description: 'Due, and nobody has begun them.' }),
      waitingForPeer: Type.Integer({
        description: 'Due, but only the peer can do them, and none runs. Not among those waiting.',
      }),
      running: Type.Integer(),
      retrying: Type.Integer({ description: 'Failed, and will be tried again.' }),
      failed: Type.Integer({ description: 'Given up.' }),
      oldestWaitingSeconds: nullable(Type.Number()),
    }),
  },
  { title: 'SystemHealth' },
)
export type SystemHealth = Type.Static<typeof SystemHealth>
