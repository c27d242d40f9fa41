-- What the IPFS network is told of, and when to tell it again: a row for each CID that is announced of a content. It is there from the moment the
-- content is complete, entered by the statement that makes it so; whoever announces only has to look up what is due.
create table announcement (
  content_id bigint not null references content (id) on delete cascade,
  -- CIDv1 in binary: the root, or a way into it such as the entry of a directory.
  cid bytea not null,
  is_entry boolean not null default false,
  -- When to tell: for the first time, again before peers forget, or again after it failed. `infinity` while nobody holds the content.
  due_at timestamptz(3) not null,
  -- When peers last took the record, and how many did.
  announced_at timestamptz(3),
  peers integer not null default 0,
  -- Since peers last took it.
  attempts smallint not null default 0,
  last_error text,
  -- Of a root: when its entries were entered.
  entries_at timestamptz(3),
  primary key (content_id, cid)
);
-- What was never told, and what has to be told again, are taken from the two ends of their own queues.
create index announcement_new on announcement (due_at) where announced_at is null;
create index announcement_again on announcement (due_at) where announced_at is not null;
create index announcement_entry on announcement (cid) where is_entry;

insert into announcement (content_id, cid, due_at) select id, cid, complete_at from content where complete_at is not null;

-- A content that comes again after nobody held it is told of again, at once.
create function enter_announcements() returns trigger language plpgsql as $$
begin
  insert into announcement (content_id, cid, due_at)
    select id, cid, clock_timestamp() from new_rows where complete_at is not null order by id
  on conflict (content_id, cid) do update set due_at = excluded.due_at where announcement.due_at = 'infinity';
  return null;
end $$;

create trigger content_announce_insert after insert on content
  referencing new table as new_rows for each statement execute function enter_announcements();
create trigger content_announce_update after update on content
  referencing new table as new_rows for each statement execute function enter_announcements();

-- A pin of a content that is here already changes nothing of the content itself.
create function resume_announcement() returns trigger language plpgsql as $$
begin
  update announcement set due_at = clock_timestamp() where content_id = new.content_id and not is_entry and due_at = 'infinity';
  return null;
end $$;

create trigger pin_request_announce after insert or update of content_id, released_at on pin_request for each row
  when (new.content_id is not null and new.released_at is null) execute function resume_announcement();
