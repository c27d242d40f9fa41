-- Names in the order people expect: "2.png" before "10.png", whatever the case. Every number in a name is preceded by how many digits it has.
-- Only the beginning counts: an entry of an index has to stay below 2,700 bytes.
create function natural_key(name text) returns text language sql immutable strict parallel safe as $$
  select left(coalesce(string_agg(
    case when run[1] ~ '^[0-9]' then lpad(length(ltrim(run[1], '0'))::text, 3, '0') || ltrim(run[1], '0') else run[1] end, '' order by place
  ), ''), 200)
  from regexp_matches(lower(left(name, 200)), '[0-9]+|[^0-9]+', 'g') with ordinality as runs (run, place)
$$;

create index upload_name_order on upload (user_id, (natural_key(name) collate "C"), id) where deleted_at is null;
