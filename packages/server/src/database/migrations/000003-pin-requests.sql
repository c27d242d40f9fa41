-- Pins by CID (the Pinning Service API): what users asked this server to fetch from the network and to keep. A request is one person's claim on
-- a content, as an upload is; it knows nothing of uploads, and they know nothing of it.

create table pin_request (
  id uuid primary key,
  user_id bigint not null references "user" (id) on delete cascade,
  -- Null when the content was forgotten: the row then only tells what became of the request.
  content_id bigint references content (id) on delete set null,
  -- As it was asked for, and as CIDv1 in binary.
  cid text not null,
  root bytea not null,
  name text,
  origins text[] not null default '{}',
  meta jsonb not null default '{}',
  status text not null default 'queued' check (status in ('queued', 'pinning', 'pinned', 'failed')),
  -- Why it failed, or why the last attempt did, in words.
  reason text,
  -- Blocks of the DAG that are known to be here, and their bytes.
  blocks bigint not null default 0,
  bytes bigint not null default 0,
  -- What it counts for in its account's use. Of several requests of one account for one content only one counts.
  held_bytes bigint not null default 0,
  attempts integer not null default 0,
  -- When to fetch, or to try again; and until when it is tried at all.
  next_attempt_at timestamptz(3) not null default clock_timestamp(),
  give_up_at timestamptz(3) not null,
  -- Whoever fetches it renews this; when it is over, somebody else may.
  lease uuid,
  leased_until timestamptz(3),
  -- Different for all requests of a user: clients page by it.
  created_at timestamptz(3) not null,
  -- Since when it holds its content no more: it was deleted, or it failed.
  released_at timestamptz(3),
  deleted_at timestamptz(3)
);
create unique index pin_request_list on pin_request (user_id, created_at desc);
create index pin_request_content on pin_request (content_id);
create index pin_request_due on pin_request (next_attempt_at) where status in ('queued', 'pinning') and deleted_at is null;
create index pin_request_leased on pin_request (leased_until) where leased_until is not null;
create index pin_request_released on pin_request (released_at) where released_at is not null;
create index pin_request_name on pin_request using gin (name gin_trgm_ops) where deleted_at is null;

-- What requests hold counts to the account, in the slots of `storage_tally`.
create function tally_pin_requests() returns trigger language plpgsql as $$
begin
  if tg_op = 'INSERT' then
    insert into storage_tally as t (user_id, slot, bytes)
      select user_id, pg_backend_pid() % 32, sum(held_bytes) from new_rows group by 1 having sum(held_bytes) <> 0 order by 1
    on conflict (user_id, slot) do update set bytes = t.bytes + excluded.bytes;
  elsif tg_op = 'DELETE' then
    insert into storage_tally as t (user_id, slot, bytes)
      select user_id, pg_backend_pid() % 32, -sum(held_bytes) from old_rows
      where exists (select from "user" where id = old_rows.user_id) group by 1 having sum(held_bytes) <> 0 order by 1
    on conflict (user_id, slot) do update set bytes = t.bytes + excluded.bytes;
  else
    insert into storage_tally as t (user_id, slot, bytes)
      select n.user_id, pg_backend_pid() % 32, sum(n.held_bytes - o.held_bytes)
      from new_rows n join old_rows o using (id) group by 1 having sum(n.held_bytes - o.held_bytes) <> 0 order by 1
    on conflict (user_id, slot) do update set bytes = t.bytes + excluded.bytes;
  end if;
  return null;
end $$;

create trigger pin_request_tally_insert after insert on pin_request
  referencing new table as new_rows for each statement execute function tally_pin_requests();
create trigger pin_request_tally_update after update on pin_request
  referencing old table as old_rows new table as new_rows for each statement execute function tally_pin_requests();
create trigger pin_request_tally_delete after delete on pin_request
  referencing old table as old_rows for each statement execute function tally_pin_requests();

-- A content that turns out to have lost blocks is fetched again for those who asked for it; nobody is told that it is pinned.
create function refetch_lost_content() returns trigger language plpgsql as $$
begin
  update pin_request set status = 'queued', reason = 'Blocks of it were lost here; they are fetched again.',
    next_attempt_at = clock_timestamp(), give_up_at = clock_timestamp() + interval '1 day', attempts = 0
  where content_id = new.id and status = 'pinned' and deleted_at is null;
  return null;
end $$;

create trigger pin_request_content_lost after update of complete_at on content for each row
  when (old.complete_at is not null and new.complete_at is null) execute function refetch_lost_content();
