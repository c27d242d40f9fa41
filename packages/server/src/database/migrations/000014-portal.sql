-- The portal for storage providers: what was asked of it.

-- Every request, whatever came of it; the oldest are forgotten after PORTAL_LOG_DAYS.
create table portal_request (
  -- The request_id of the answer.
  id uuid primary key,
  at timestamptz(3) not null default clock_timestamp(),
  network text not null default '',
  -- Who asked: what the signature showed. Null where it showed nobody.
  actor_id bigint,
  -- Names the header; one with a signed argument is used for one request_piece.
  header_hash bytea,
  place text not null,
  call text not null,
  piece_cid text,
  status smallint not null,
  error_code smallint,
  reason text,
  deal_id bigint,
  took_ms integer not null
);
create index portal_request_at on portal_request (at);
create index portal_request_actor on portal_request (network, actor_id, at desc);
create index portal_request_header on portal_request (header_hash) where deal_id is not null;

-- What is on offer: built aggregates in order, beside the replicas of each.
create index aggregate_built on aggregate (id) where state = 'built';
create index deal_replica on deal (aggregate_id) include (provider_id, start_epoch, end_epoch)
  where state in ('reserved', 'proposed', 'delivered', 'published', 'active');
