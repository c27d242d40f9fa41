-- Pins: what other keepers (an IPFS Cluster, a pinning service, a Kubo node) hold for us. Our own shards need no rows: a content is pinned there
-- when it is complete (content.complete_at). They get one only while an audit found something wrong.

-- Who keeps contents, as PIN_BACKENDS had it when a server last started; our own shards are among them.
create table pin_backend (
  name text primary key,
  -- 0 is the primary one.
  position smallint not null,
  -- Contents that were complete before the backend was added have rows up to this id; null when all have.
  filled_to bigint default 0,
  -- Not in PIN_BACKENDS any more since then.
  retired_at timestamptz(3),
  -- It could not be used, and is left alone until then.
  resting_until timestamptz(3),
  failures integer not null default 0,
  last_error text,
  away_since timestamptz(3)
);

create table pin (
  content_id bigint not null references content (id) on delete cascade,
  backend text not null,
  status text not null default 'queued' check (status in ('queued', 'pinning', 'pinned', 'failed')),
  -- Which sweep looks at it next, and when; null when it is pinned, or given up.
  next_step text default 'add' check (next_step in ('add', 'track', 'retry')),
  next_attempt_at timestamptz(3) default clock_timestamp(),
  -- A run of that sweep works on it.
  claimed_at timestamptz(3),
  attempts integer not null default 0,
  last_error text,
  -- It was pinned there before we asked for it, so it is not ours to unpin.
  was_there boolean not null default false,
  created_at timestamptz(3) not null default clock_timestamp(),
  -- Since when it has this status.
  since timestamptz(3) not null default clock_timestamp(),
  -- Last time it was handed over, noted before it is.
  handed_over_at timestamptz(3),
  -- When the backend was last asked.
  checked_at timestamptz(3),
  pinned_at timestamptz(3),
  primary key (content_id, backend)
);
create index pin_due on pin (backend, next_step, next_attempt_at) where next_step is not null and claimed_at is null;
create index pin_claimed on pin (backend, next_step) where claimed_at is not null;
create index pin_state on pin (backend, status, content_id);

-- Roots that nobody holds any more, and that a backend may still keep for us.
create table unpin (
  cid bytea not null,
  backend text not null,
  attempts integer not null default 0,
  last_error text,
  next_attempt_at timestamptz(3) not null default clock_timestamp(),
  -- The backend is being asked.
  begun_at timestamptz(3),
  created_at timestamptz(3) not null default clock_timestamp(),
  primary key (cid, backend)
);
create index unpin_due on unpin (backend, next_attempt_at) where begun_at is null;

-- The promise is made in the transaction that makes a content complete, whoever does that: an upload, a walk, a fetch. Where there is no backend
-- beside our own shards this adds nothing.
create function promise_pins() returns trigger language plpgsql as $$
begin
  if not exists (select from pin_backend where retired_at is null and name <> 'embedded') then
    return null;
  end if;
  if tg_op = 'INSERT' then
    insert into pin (content_id, backend)
      select n.id, b.name from new_rows n cross join pin_backend b
      where n.complete_at is not null and b.retired_at is null and b.name <> 'embedded' order by n.id, b.name
    on conflict do nothing;
  else
    insert into pin (content_id, backend)
      select n.id, b.name from new_rows n join old_rows o using (id) cross join pin_backend b
      where n.complete_at is not null and o.complete_at is null and b.retired_at is null and b.name <> 'embedded' order by n.id, b.name
    on conflict do nothing;
  end if;
  return null;
end $$;

create trigger content_pins_insert after insert on content
  referencing new table as new_rows for each statement execute function promise_pins();
create trigger content_pins_update after update on content
  referencing old table as old_rows new table as new_rows for each statement execute function promise_pins();

-- A content is forgotten when nobody has held it for the grace time. What was handed over for it is to be unpinned.
create function end_pins() returns trigger language plpgsql as $$
begin
  insert into unpin (cid, backend)
    select old.cid, backend from pin
    where content_id = old.id and backend <> 'embedded' and handed_over_at is not null and not was_there
  on conflict do nothing;
  return old;
end $$;

create trigger content_pins_delete before delete on content for each row execute function end_pins();

create index content_unmeasured on content (id) where dag_bytes is null and complete_at is not null;
