-- Names in the order people expect: "2.png" before "10.png", whatever the case. Every number in a name is written with 16 digits, the last ones where it
-- has more. Only the beginning counts: an entry of an index has to stay below 2,700 bytes.
create function natural_key(name text) returns text language sql immutable strict parallel safe as $$
  select left(regexp_replace(regexp_replace(lower(left(name, 200)), '([0-9]+)', '0000000000000000\1', 'g'), '[0-9]*([0-9]{16})', '\1', 'g'), 200)
$$;

create index upload_name_order on upload (user_id, (natural_key(name) collate "C"), id) where deleted_at is null;
