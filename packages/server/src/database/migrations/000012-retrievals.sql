-- What came of fetching stored items back from storage providers.
create table retrieval (
  id bigint generated always as identity primary key,
  provider_id bigint not null references provider (id),
  deal_id bigint not null references deal (id) on delete cascade,
  content_id bigint references content (id) on delete set null,
  -- What was asked for, as CIDv1 in binary: it stays when the content is forgotten.
  cid bytea not null,
  -- Its root block, all of it as a CAR, by path from the root of the aggregate, or by a range of bytes of the piece.
  way text not null check (way in ('raw', 'car', 'path', 'piece')),
  outcome text not null
    check (outcome in ('ok', 'wrong-bytes', 'incomplete', 'not-found', 'refused', 'timeout', 'slow', 'unreachable', 'not-allowed')),
  -- Why not, for people; null where it came.
  reason text,
  -- From the request to the first byte of the body; null where none came.
  first_byte_ms integer,
  duration_ms integer not null,
  bytes bigint not null,
  at timestamptz(3) not null default clock_timestamp()
);
create index retrieval_provider on retrieval (provider_id, id desc);
create index retrieval_deal on retrieval (deal_id, id desc);
create index retrieval_content on retrieval (content_id, id desc) where content_id is not null;
create index retrieval_at on retrieval (at);
