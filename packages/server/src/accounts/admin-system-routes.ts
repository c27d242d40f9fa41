import { IdParams } from '@keepsake/api/account.ts'
import type { FailedJob as FailedJobAnswer } from '@keepsake/api/admin.ts'
import { FailedJobs, FailedJobsQuery, Invitation, NewInvitation, SystemHealth } from '@keepsake/api/admin.ts'
import { Failure } from '@keepsake/api/errors.ts'
import { success } from '@keepsake/api/nft.ts'
import type { FastifyInstance } from 'fastify'
import Type from 'typebox'
import { invite, listInvitations, withdrawInvitation } from './admin.ts'
import type { FailedJob } from './admin-jobs.ts'
import { countJobs, listFailedJobs, retryFailedJobs } from './admin-jobs.ts'
import type { InvitationRow } from './admin-store.ts'
import { signedIn } from './session-guard.ts'
import type { SignInComponents } from './sign-in/components.ts'

const tags = ['admin']
const ok = Type.Object({ ok: Type.Literal(true) })
const retried = success(Type.Object({ retried: Type.Integer() }))
const failures = { '4xx': Failure }

interface Health {
  ok: boolean
  checks: Record<string, { ok: boolean; durationMs: number; message?: string }>
}

export interface AdminSystemComponents extends SignInComponents {
  /** Tries everything that has to work. */
  health(): Promise<Health>
}

function toJob({ createdAt, failedAt, ...job }: FailedJob): FailedJobAnswer {
  return { ...job, created: createdAt.toISOString(), failed: failedAt.toISOString() }
}

function toInvitation({ id, email, createdAt, invitedBy }: InvitationRow): Invitation {
  return { id, email, created: createdAt.toISOString(), invitedBy }
}

/** Jobs that gave up, and whether everything works. */
export function adminSystemRoutes(components: AdminSystemComponents) {
  return async (app: FastifyInstance): Promise<void> => {
    app.route({
      method: 'GET',
      url: '/jobs/failed',
      config: { session: 'admin' },
      schema: {
        tags,
        operationId: 'listFailedJobs',
        summary: 'Jobs that gave up, and why',
        querystring: FailedJobsQuery,
        response: { 200: success(FailedJobs), ...failures },
      },
      handler: async (request) => {
        const { after, limit = 50 } = request.query as Type.Static<typeof FailedJobsQuery>
        const page = await listFailedJobs(components, { after, limit })
        return { ok: true, value: { ...page, jobs: page.jobs.map(toJob) } }
      },
    })
    app.route({
      method: 'POST',
      url: '/jobs/failed/retry',
      config: { session: 'admin', mode: 'w' },
      schema: {
        tags,
        operationId: 'retryFailedJobs',
        summary: 'Try all jobs that gave up again',
        response: { 200: retried, ...failures },
      },
      handler: async () => ({ ok: true, value: { retried: await retryFailedJobs(components) } }),
    })
    app.route({
      method: 'POST',
      url: '/jobs/failed/:id/retry',
      config: { session: 'admin', mode: 'w', errors: ['NOT_FOUND'] },
      schema: {
        tags,
        operationId: 'retryFailedJob',
        summary: 'Try a job that gave up again',
        params: Type.Object({ id: Type.String({ pattern: '^\\d{1,18}$' }) }),
        response: { 200: retried, ...failures },
      },
      handler: async (request) => ({
        ok: true,
        value: { retried: await retryFailedJobs(components, (request.params as { id: string }).id) },
      }),
    })
    app.route({
      method: 'GET',
      url: '/health',
      config: { session: 'admin' },
      schema: {
        tags,
        operationId: 'getSystemHealth',
        summary: 'Whether every component works',
        response: { 200: success(SystemHealth), ...failures },
      },
      handler: async () => {
        const [health, jobs] = await Promise.all([components.health(), countJobs(components)])
        return { ok: true, value: { ...health, jobs } }
      },
    })
    await app.register(invitationRoutes(components))
  }
}

function invitationRoutes(components: SignInComponents) {
  return async (app: FastifyInstance): Promise<void> => {
    app.route({
      method: 'GET',
      url: '/invitations',
      config: { session: 'admin' },
      schema: {
        tags,
        operationId: 'listInvitations',
        summary: 'Who is invited',
        response: { 200: success(Type.Array(Invitation)), ...failures },
      },
      handler: async () => ({ ok: true, value: (await listInvitations(components)).map(toInvitation) }),
    })
    app.route({
      method: 'POST',
      url: '/invitations',
      config: { session: 'admin', mode: 'w', errors: ['CONFLICT'] },
      schema: {
        tags,
        operationId: 'invite',
        summary: 'Let somebody make an account, and tell him by mail',
        body: NewInvitation,
        response: { 200: success(Type.Object({ id: Type.Integer() })), ...failures },
      },
      handler: async (request) => {
        const { email } = request.body as Type.Static<typeof NewInvitation>
        return { ok: true, value: { id: await invite(components, email, signedIn(request).userId) } }
      },
    })
    app.route({
      method: 'DELETE',
      url: '/invitations/:id',
      config: { session: 'admin', mode: 'w' },
      schema: {
        tags,
        operationId: 'withdrawInvitation',
        summary: 'Take an invitation back',
        params: IdParams,
        response: { 200: ok, ...failures },
      },
      handler: async (request) => {
        await withdrawInvitation(components, (request.params as { id: number }).id)
        return { ok: true }
      },
    })
  }
}
