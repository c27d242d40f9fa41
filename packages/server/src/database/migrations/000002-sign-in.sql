-- Signing in: who is at the browser (session), how they can prove it (passkey, linked_identity, the address of the user), what is
-- open on the way there (sign_in_link, challenge), what bounds it (attempt), and how much each account keeps (storage_tally).
-- Nothing here is worth anything to whoever reads it: tokens are kept as hashes, or are made from a secret that is not in here.

alter table "user"
  add column is_admin boolean not null default false,
  -- Most bytes this account may keep; null is no limit.
  add column storage_limit_bytes bigint check (storage_limit_bytes >= 0),
  -- The row of a deleted account stays without anything personal, for as long as its uploads are kept.
  add column deleted_at timestamptz(3);
create index user_email_search on "user" using gin (email gin_trgm_ops);

create table session (
  id bigint generated always as identity primary key,
  user_id bigint not null references "user" (id) on delete cascade,
  -- sha2-256 of the cookie's value.
  token_digest bytea not null unique,
  -- How its owner signed in.
  way text not null,
  user_agent text not null default '',
  created_at timestamptz(3) not null default clock_timestamp(),
  last_used_at timestamptz(3) not null default clock_timestamp(),
  -- However much it is used, it ends then.
  expires_at timestamptz(3) not null
);
create index session_of_user on session (user_id);
create index session_expiry on session (expires_at);

create table sign_in_link (
  -- Random; what is in the link is this and a MAC of it.
  id bytea primary key,
  email text not null,
  -- The account the address is to be added to; null for a link that signs in.
  user_id bigint references "user" (id) on delete cascade,
  -- sha2-256 of the cookie of the browser that asked.
  browser_digest bytea not null,
  next text not null,
  created_at timestamptz(3) not null default clock_timestamp(),
  expires_at timestamptz(3) not null,
  used_at timestamptz(3)
);
create index sign_in_link_email on sign_in_link (lower(email));
create index sign_in_link_expiry on sign_in_link (expires_at);

-- What a wallet, an authenticator or GitHub is asked to answer. Taking it deletes it, so nothing is answered twice.
create table challenge (
  -- sha2-256 of the challenge.
  digest bytea primary key,
  kind text not null,
  browser_digest bytea not null,
  -- The account something is to be linked to; null for signing in.
  user_id bigint references "user" (id) on delete cascade,
  data jsonb not null default '{}',
  expires_at timestamptz(3) not null
);
create index challenge_expiry on challenge (expires_at);

create table passkey (
  id bigint generated always as identity primary key,
  user_id bigint not null references "user" (id) on delete cascade,
  credential_id bytea not null unique,
  -- COSE_Key.
  public_key bytea not null,
  -- Signature counter; 0 for authenticators that keep none.
  counter bigint not null,
  transports text[] not null default '{}',
  name text not null,
  is_backed_up boolean not null default false,
  created_at timestamptz(3) not null default clock_timestamp(),
  last_used_at timestamptz(3)
);
create index passkey_user on passkey (user_id);

-- Who somebody is elsewhere.
create table linked_identity (
  id bigint generated always as identity primary key,
  user_id bigint not null references "user" (id) on delete cascade,
  kind text not null check (kind in ('wallet', 'github', 'magic')),
  -- An address in lower case, GitHub's number of the account, a did:ethr.
  subject text not null,
  -- How its owner knows it.
  label text not null,
  created_at timestamptz(3) not null default clock_timestamp(),
  last_used_at timestamptz(3),
  unique (kind, subject)
);
create index linked_identity_user on linked_identity (user_id);

-- sha2-256 of tokens that other services made and that count once here.
create table spent_token (
  digest bytea primary key,
  expires_at timestamptz(3) not null
);
create index spent_token_expiry on spent_token (expires_at);

-- Attempts in fixed windows. Losing them in a crash lets somebody try a few times more, so they need not be durable.
create unlogged table attempt (
  -- sha2-256 of what is counted.
  key bytea primary key,
  attempts integer not null,
  ends_at timestamptz(3) not null
);
create index attempt_end on attempt (ends_at);

create table invitation (
  id bigint generated always as identity primary key,
  email text not null,
  invited_by bigint references "user" (id) on delete set null,
  created_at timestamptz(3) not null default clock_timestamp()
);
create unique index invitation_email on invitation (lower(email));

-- The links by which the first administrator is made.
create table set_up (
  -- Random; what is in the link is this and a MAC of it.
  id bytea primary key,
  created_at timestamptz(3) not null default clock_timestamp(),
  expires_at timestamptz(3) not null,
  used_at timestamptz(3)
);

-- Bytes of the CARs that were received for this upload: what it counts for while the size of its DAG is not known.
alter table upload add column received_bytes bigint not null default 0;

-- Bytes of the live uploads of each account, in slots as `upload_tally` has them. Rows are always taken in the order of the accounts, so
-- that writers in one slot wait for each other and never in a circle.
create table storage_tally (
  user_id bigint not null references "user" (id) on delete cascade,
  slot smallint not null,
  bytes bigint not null,
  primary key (user_id, slot)
);
insert into storage_tally (user_id, slot, bytes)
  select u.user_id, -1, sum(c.dag_bytes) from upload u join content c on c.id = u.content_id
  where u.deleted_at is null and c.dag_bytes > 0 group by u.user_id;

-- What an account keeps.
create function storage_use(of_user bigint) returns bigint language sql stable as $$
  select coalesce(sum(bytes), 0)::bigint from storage_tally where user_id = of_user
$$;

-- The locks order an upload and the moment the size of its content becomes known, so that it is counted exactly once.
create function tally_storage() returns trigger language plpgsql as $$
begin
  if tg_op = 'INSERT' then
    perform from content where id in (select content_id from new_rows) order by id for share;
    insert into storage_tally as t (user_id, slot, bytes)
      select n.user_id, pg_backend_pid() % 32, sum(coalesce(c.dag_bytes, n.received_bytes))
      from new_rows n join content c on c.id = n.content_id where n.deleted_at is null group by 1 order by 1
    on conflict (user_id, slot) do update set bytes = t.bytes + excluded.bytes;
  elsif tg_op = 'DELETE' then
    perform from content where id in (select content_id from old_rows where deleted_at is null) order by id for share;
    insert into storage_tally as t (user_id, slot, bytes)
      select o.user_id, pg_backend_pid() % 32, -sum(coalesce(c.dag_bytes, o.received_bytes))
      from old_rows o join content c on c.id = o.content_id
      where o.deleted_at is null and exists (select from "user" where id = o.user_id) group by 1 order by 1
    on conflict (user_id, slot) do update set bytes = t.bytes + excluded.bytes;
  else
    perform from content where id in (
      select n.content_id from new_rows n join old_rows o using (id)
      where (n.deleted_at is null) <> (o.deleted_at is null) or n.received_bytes <> o.received_bytes
    ) order by id for share;
    insert into storage_tally as t (user_id, slot, bytes)
      select n.user_id, pg_backend_pid() % 32, sum(
        case when n.deleted_at is null then coalesce(c.dag_bytes, n.received_bytes) else 0 end
        - case when o.deleted_at is null then coalesce(c.dag_bytes, o.received_bytes) else 0 end)
      from new_rows n join old_rows o using (id) join content c on c.id = n.content_id
      where (n.deleted_at is null) <> (o.deleted_at is null) or n.received_bytes <> o.received_bytes group by 1 order by 1
    on conflict (user_id, slot) do update set bytes = t.bytes + excluded.bytes;
  end if;
  return null;
end $$;

create trigger storage_tally_insert after insert on upload
  referencing new table as new_rows for each statement execute function tally_storage();
create trigger storage_tally_update after update on upload
  referencing old table as old_rows new table as new_rows for each statement execute function tally_storage();
create trigger storage_tally_delete after delete on upload
  referencing old table as old_rows for each statement execute function tally_storage();

create function tally_content_size() returns trigger language plpgsql as $$
begin
  insert into storage_tally as t (user_id, slot, bytes)
    select user_id, pg_backend_pid() % 32, sum(coalesce(new.dag_bytes, received_bytes) - coalesce(old.dag_bytes, received_bytes))
    from upload where content_id = new.id and deleted_at is null group by 1 order by 1
  on conflict (user_id, slot) do update set bytes = t.bytes + excluded.bytes;
  return null;
end $$;

create trigger storage_tally_size after update on content for each row
  when (old.dag_bytes is distinct from new.dag_bytes) execute function tally_content_size();
