-- The spine: who may store (user, api_key), what they stored (upload), what it is (content), where its bytes lie
-- (shard, block). Content exists once however many people upload it; an upload is one
-- person's claim on it; a shard is a CAR file at rest and knows nothing of either.

create extension if not exists pg_trgm;

create table "user" (
  id bigint generated always as identity primary key,
  -- The `sub` claim of this user's API keys.
  subject text not null unique,
  email text,
  name text,
  -- A did:key the user registered for UCANs.
  did text unique,
  uploads_restricted boolean not null default false,
  deletes_restricted boolean not null default false,
  created_at timestamptz(3) not null default clock_timestamp()
);
create unique index user_email on "user" (lower(email));

create table api_key (
  id bigint generated always as identity primary key,
  user_id bigint not null references "user" (id) on delete cascade,
  name text not null,
  -- The `iat` claim in milliseconds. Together with the user it names the key, so the secret itself need not be kept.
  issued_at_ms bigint not null,
  scope text not null default 'all' check (scope in ('all', 'upload', 'read', 'pins')),
  expires_at timestamptz(3),
  -- sha2-256 of a key that another service issued; null for our own.
  foreign_digest bytea unique,
  blocked_reason text,
  last_used_at timestamptz(3),
  created_at timestamptz(3) not null default clock_timestamp(),
  deleted_at timestamptz(3),
  unique (user_id, issued_at_ms)
);
create unique index api_key_live_name on api_key (user_id, name) where deleted_at is null;

create table shard (
  id bigint generated always as identity primary key,
  -- The CAR CID in binary.
  cid bytea not null unique,
  size_bytes bigint not null,
  created_at timestamptz(3) not null default clock_timestamp(),
  -- Last time somebody stored these very bytes.
  stored_at timestamptz(3) not null default clock_timestamp()
);

-- The block index: where the bytes of a multihash lie. The same block may lie in several shards.
create table block (
  multihash bytea not null,
  shard_id bigint not null references shard (id) on delete cascade,
  byte_offset bigint not null,
  byte_length integer not null,
  primary key (multihash, shard_id)
);
create index block_shard on block (shard_id);

create table content (
  id bigint generated always as identity primary key,
  -- The root as CIDv1 in binary.
  cid bytea not null unique,
  dag_bytes bigint,
  -- When every block of the DAG was found to be here; null until then.
  complete_at timestamptz(3),
  -- Why completeness cannot be told, where that is so: a block in a codec whose links we cannot read.
  obstacle text,
  created_at timestamptz(3) not null default clock_timestamp()
);

-- Which shards a content's blocks are read from. A shard that no row names may be collected.
create table content_shard (
  content_id bigint not null references content (id) on delete cascade,
  shard_id bigint not null references shard (id),
  primary key (content_id, shard_id)
);
create index content_shard_shard on content_shard (shard_id);

-- Blocks an incomplete DAG is known to need and that are not here yet: linked from a block that is here.
create table missing_block (
  content_id bigint not null references content (id) on delete cascade,
  cid bytea not null,
  primary key (content_id, cid)
);

create table upload (
  id bigint generated always as identity primary key,
  user_id bigint not null references "user" (id) on delete cascade,
  key_id bigint references api_key (id) on delete set null,
  content_id bigint not null references content (id),
  -- The CID as the uploader spelled it: a CIDv0 stays one.
  source_cid text not null,
  type text not null check (type in ('Car', 'Blob', 'Multipart', 'Remote', 'Nft')),
  mime_type text not null default '',
  name text not null,
  -- Name of the key used first, or `session`.
  scope text not null,
  files jsonb not null default '[]',
  meta jsonb not null default '{}',
  -- CAR CIDs of what was received, in order of arrival.
  parts text[] not null default '{}',
  created_at timestamptz(3) not null default clock_timestamp(),
  updated_at timestamptz(3) not null default clock_timestamp(),
  deleted_at timestamptz(3),
  unique (user_id, source_cid)
);
create index upload_list on upload (user_id, created_at desc, id desc) where deleted_at is null;
create index upload_content on upload (content_id);
create index upload_name on upload using gin (name gin_trgm_ops) where deleted_at is null;
create index upload_deleted on upload (deleted_at) where deleted_at is not null;

-- How many live uploads a user made in each day and in each hour, so that counting a million of them is a short sum: whole days, then whole hours
-- of the last day, then single uploads of the last hour. Writers that work at the same time use different slots (their connection's), so they do
-- not wait for each other's commit.
create table upload_tally (
  user_id bigint not null references "user" (id) on delete cascade,
  span text not null check (span in ('day', 'hour')),
  -- Beginning of the day or hour, UTC.
  since timestamptz(0) not null,
  slot smallint not null,
  uploads integer not null,
  primary key (user_id, span, since, slot)
);

create function add_to_upload_tally(owner bigint, at timestamptz, change bigint) returns void language sql as $$
  insert into upload_tally as t (user_id, span, since, slot, uploads)
  select owner, span, date_trunc(span, at, 'UTC'), pg_backend_pid() % 32, change from unnest(array['day', 'hour']) span
  on conflict (user_id, span, since, slot) do update set uploads = t.uploads + excluded.uploads
$$;

create function tally_uploads() returns trigger language plpgsql as $$
begin
  if tg_op = 'INSERT' then
    perform add_to_upload_tally(user_id, date_trunc('hour', created_at, 'UTC'), count(*))
      from new_rows where deleted_at is null group by user_id, date_trunc('hour', created_at, 'UTC');
  elsif tg_op = 'DELETE' then
    perform add_to_upload_tally(user_id, date_trunc('hour', created_at, 'UTC'), -count(*))
      from old_rows where deleted_at is null and exists (select from "user" where id = user_id)
      group by user_id, date_trunc('hour', created_at, 'UTC');
  else
    perform add_to_upload_tally(n.user_id, date_trunc('hour', n.created_at, 'UTC'), sum(case when n.deleted_at is null then 1 else -1 end))
      from new_rows n join old_rows o using (id)
      where (n.deleted_at is null) <> (o.deleted_at is null) group by n.user_id, date_trunc('hour', n.created_at, 'UTC');
  end if;
  return null;
end $$;

create trigger upload_tally_insert after insert on upload
  referencing new table as new_rows for each statement execute function tally_uploads();
create trigger upload_tally_update after update on upload
  referencing old table as old_rows new table as new_rows for each statement execute function tally_uploads();
create trigger upload_tally_delete after delete on upload
  referencing old table as old_rows for each statement execute function tally_uploads();
