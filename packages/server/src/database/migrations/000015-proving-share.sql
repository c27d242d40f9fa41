-- How many items are properly proven, day by day: looked at every ten minutes, and the last look of a day stays.
create table proving_sample (
  network text not null,
  day date not null,
  -- How long ago the items became complete: `day` for less than that, `week`, `month`, `older`.
  age text not null check (age in ('day', 'week', 'month', 'older')),
  -- Items that have had the time to be packed.
  items bigint not null,
  -- Of these, with one replica or more whose sector is proven, and with as many as are wanted.
  proven_once bigint not null,
  proven_enough bigint not null,
  -- How many replicas were wanted then.
  replicas smallint not null,
  sampled_at timestamptz(3) not null,
  primary key (network, day, age)
);

-- Deals by state, the same way.
create table deal_sample (
  network text not null,
  day date not null,
  state text not null,
  deals bigint not null,
  primary key (network, day, state)
);
