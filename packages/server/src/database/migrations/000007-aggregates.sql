-- Aggregates: which contents are packed into which piece for Filecoin, what each is made of, and which shards that needs.

-- Where a complete content stands: `waiting` to be taken into an aggregate, `taken` into one, or set `aside`, because nobody holds it or because
-- it cannot be read (`aggregate_obstacle` says why).
alter table content add column packing text not null default 'waiting' check (packing in ('waiting', 'taken', 'aside'));
create index content_waiting on content (complete_at, id) where packing = 'waiting' and complete_at is not null;

create table aggregate (
  id bigint generated always as identity primary key,
  layout text not null check (layout in ('unixfs-2021', 'segments')),
  -- `collecting` items, `building` the recipe, `validating` what came of it, `built`; `failed` is tried again at `retry_at`.
  state text not null default 'collecting' check (state in ('collecting', 'building', 'validating', 'built', 'failed')),
  -- Sums over the entries while it collects: never less than what they will take.
  items integer not null default 0,
  planned_bytes bigint not null default 0,
  planned_blocks bigint not null default 0,
  -- Since when its oldest item has been complete: what the force time counts from.
  oldest_at timestamptz(3),
  closed_because text check (closed_because in ('full', 'waited', 'asked')),
  -- CID of the directory of everything in it, in binary; null for segments.
  root bytea,
  size_bytes bigint,
  piece_root bytea,
  piece_height smallint,
  -- How often building or validating failed since it was closed or built, and why the last time.
  attempts integer not null default 0,
  reason text,
  retry_at timestamptz(3),
  created_at timestamptz(3) not null default clock_timestamp(),
  changed_at timestamptz(3) not null default clock_timestamp(),
  closed_at timestamptz(3),
  -- When it was found to be what it should be, first and last.
  built_at timestamptz(3),
  validated_at timestamptz(3)
);
create index aggregate_unfinished on aggregate (state, id) where state <> 'built';
create index aggregate_piece on aggregate (piece_root) where piece_root is not null;

create table aggregate_entry (
  aggregate_id bigint not null references aggregate (id) on delete cascade,
  layout text not null,
  -- The root as CIDv1 in binary. It stays when the content is forgotten: the aggregate does not change any more.
  cid bytea not null,
  content_id bigint references content (id) on delete set null,
  -- A DAG that is larger than a piece lies in several aggregates: this is part `part` of `parts`, the blocks from `first_block` to before
  -- `end_block` in the order of a walk from the root (null: to the last).
  part integer not null default 0,
  parts integer not null default 1,
  first_block bigint not null default 0,
  end_block bigint,
  -- What the whole DAG has, measured, and what is planned for it here.
  dag_bytes bigint not null,
  dag_blocks bigint not null,
  planned_bytes bigint not null,
  planned_blocks bigint not null,
  complete_at timestamptz(3) not null,
  -- Known once it is built. Numbers of the links that lead to it from the root of the directory; null for segments.
  path_indexes integer[],
  -- Where its root's block begins in the bytes of the aggregate, with the section prefix; for segments, where its CAR begins.
  byte_offset bigint,
  -- Length of its CAR; null for the directory.
  byte_length bigint,
  primary key (aggregate_id, cid),
  -- Nothing is in two aggregates of the same kind.
  unique (cid, layout, part)
);
create index aggregate_entry_content on aggregate_entry (content_id) where content_id is not null;
create index aggregate_entry_held on aggregate_entry (aggregate_id) where content_id is not null;

-- Shards an aggregate is made of. They are kept as long as it is.
create table aggregate_shard (
  aggregate_id bigint not null references aggregate (id) on delete cascade,
  shard_id bigint not null references shard (id),
  primary key (aggregate_id, shard_id)
);
create index aggregate_shard_shard on aggregate_shard (shard_id);

-- What the bytes of an aggregate are, in order, in rows of some thousand parts: reading at an offset begins at the row that holds it.
create table aggregate_recipe (
  aggregate_id bigint not null references aggregate (id) on delete cascade,
  byte_offset bigint not null,
  parts bytea not null,
  primary key (aggregate_id, byte_offset)
);

-- One level of the Merkle tree over the piece, so that a proof reads what lies below one node, not everything.
create table aggregate_tree (
  aggregate_id bigint primary key references aggregate (id) on delete cascade,
  -- Levels above the leaves.
  height smallint not null,
  nodes bytea not null
);

-- Contents that could not be packed: why, and when that is tried again.
create table aggregate_obstacle (
  content_id bigint primary key references content (id) on delete cascade,
  reason text not null,
  attempts integer not null default 1,
  since timestamptz(3) not null default clock_timestamp(),
  retry_at timestamptz(3) not null
);
create index aggregate_obstacle_retry on aggregate_obstacle (retry_at);

-- What was set aside is looked at again when somebody stores it again.
create function wait_for_packing() returns trigger language plpgsql as $$
begin
  update content set packing = 'waiting'
    where packing = 'aside' and id in (select content_id from new_rows where deleted_at is null);
  return null;
end $$;
create trigger packing_upload_insert after insert on upload
  referencing new table as new_rows for each statement execute function wait_for_packing();
create trigger packing_upload_update after update on upload
  referencing new table as new_rows for each statement execute function wait_for_packing();

create function wait_for_packing_pinned() returns trigger language plpgsql as $$
begin
  update content set packing = 'waiting'
    where packing = 'aside' and id in (select content_id from new_rows where released_at is null);
  return null;
end $$;
create trigger packing_pin_insert after insert on pin_request
  referencing new table as new_rows for each statement execute function wait_for_packing_pinned();
create trigger packing_pin_update after update on pin_request
  referencing new table as new_rows for each statement execute function wait_for_packing_pinned();
