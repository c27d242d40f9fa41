-- Storage providers that ask to be registered, with what they say of themselves: signed with their worker key.
create table provider_application (
  id bigint generated always as identity primary key,
  network text not null,
  actor_id bigint not null,
  name text not null,
  organisation text not null,
  city text not null,
  country text not null,
  continent text not null,
  retrieval_url text,
  -- The request to the portal that it came with (`portal_request`), and from where.
  request_id uuid not null,
  place text not null,
  asked_at timestamptz(3) not null default clock_timestamp(),
  state text not null default 'waiting' check (state in ('waiting', 'approved', 'declined')),
  decided_at timestamptz(3),
  -- Who decided, for people: an account, or the command.
  decided_by text,
  because text,
  check ((state = 'waiting') = (decided_at is null))
);
-- Whoever asks again changes what they asked for.
create unique index provider_application_waiting on provider_application (network, actor_id) where state = 'waiting';
create index provider_application_actor on provider_application (network, actor_id, id desc);
create index provider_application_decided on provider_application (decided_at) where state <> 'waiting';
