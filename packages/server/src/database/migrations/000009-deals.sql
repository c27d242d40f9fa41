-- Filecoin, second half: which network, which storage providers, and the deals with them.

-- Who takes pieces. The same actor id means somebody else on another network.
create table provider (
  id bigint generated always as identity primary key,
  -- As the node says (StateNetworkName): `mainnet`, `calibrationnet`, `keepsake-devnet-…`.
  network text not null,
  -- The number in f01234.
  actor_id bigint not null,
  name text not null default '',
  organisation text not null,
  city text not null,
  -- ISO 3166-1 alpha-2, and AF, AN, AS, EU, NA, OC or SA.
  country text not null check (country ~ '^[A-Z]{2}$'),
  continent text not null check (continent in ('AF', 'AN', 'AS', 'EU', 'NA', 'OC', 'SA')),
  state text not null default 'active' check (state in ('active', 'suspended')),
  suspended_because text,
  -- Base of its trustless gateway and piece endpoint; where null, what its addresses on the chain say.
  retrieval_url text,
  created_at timestamptz(3) not null default clock_timestamp(),
  changed_at timestamptz(3) not null default clock_timestamp(),
  unique (network, actor_id)
);

create table deal (
  id bigint generated always as identity primary key,
  aggregate_id bigint not null references aggregate (id),
  provider_id bigint not null references provider (id),
  driver text not null default 'self-service',
  -- reserved: the provider may have it. proposed: signed. delivered: the provider has the proposal. published: on the chain. active: in a sector.
  -- Ends: expired (it ran its time), terminated (given up early), failed (never became active).
  state text not null default 'reserved'
    check (state in ('reserved', 'proposed', 'delivered', 'published', 'active', 'expired', 'terminated', 'failed')),
  -- Why it stands where it stands, for people.
  reason text,
  -- When it fails unless it has gone on by then.
  due_at timestamptz(3),
  -- The signed ClientDealProposal in CBOR, and the CID of the proposal within.
  proposal bytea,
  proposal_cid bytea,
  start_epoch bigint,
  end_epoch bigint,
  -- What the chain says. All of it is undone when the chain undoes it.
  chain_deal_id bigint,
  published_epoch bigint,
  activated_epoch bigint,
  slashed_epoch bigint,
  sector bigint,
  -- Of an active deal: whether its sector is proven now (`proving`), or why not.
  proving text check (proving in ('proving', 'unproven', 'faulty', 'unknown')),
  deadline smallint,
  partition bigint,
  proving_since_epoch bigint,
  last_proven_epoch bigint,
  -- The tipset up to which the chain was looked at for it.
  checked_epoch bigint,
  -- The deal it stands in for: renewed or replaced.
  replaces_id bigint references deal (id),
  created_at timestamptz(3) not null default clock_timestamp(),
  changed_at timestamptz(3) not null default clock_timestamp(),
  check (state not in ('proposed', 'delivered', 'published', 'active') or proposal_cid is not null),
  check (state not in ('published', 'active') or chain_deal_id is not null)
);
-- One that lives, and one that stands in for it before it ends.
create unique index deal_live on deal (aggregate_id, provider_id, coalesce(replaces_id, 0))
  where state in ('reserved', 'proposed', 'delivered', 'published', 'active');
create index deal_aggregate on deal (aggregate_id);
create index deal_provider on deal (provider_id, id);
create index deal_due on deal (due_at) where due_at is not null and state in ('reserved', 'proposed', 'delivered', 'published');
create unique index deal_proposal_live on deal (proposal_cid)
  where proposal_cid is not null and state in ('proposed', 'delivered', 'published', 'active');
create index deal_chain on deal (chain_deal_id) where chain_deal_id is not null;
create index deal_live_list on deal (id) where state in ('reserved', 'proposed', 'delivered', 'published', 'active');

-- What happened to a deal, in order, with what shows it (CIDs, epochs, messages).
create table deal_event (
  id bigint generated always as identity primary key,
  deal_id bigint not null references deal (id) on delete cascade,
  at timestamptz(3) not null default clock_timestamp(),
  state text not null,
  reason text,
  epoch bigint,
  evidence jsonb not null default '{}'
);
create index deal_event_deal on deal_event (deal_id, id);

-- The Filecoin node in use: one row, written by whoever starts or is configured with it, read by every process.
create table chain_source (
  id boolean primary key default true check (id),
  network text not null,
  is_devnet boolean not null,
  rpc_urls text[] not null,
  genesis_at timestamptz(3) not null,
  epoch_seconds double precision not null,
  -- Of the devnet only: where commands to it go.
  control_url text,
  changed_at timestamptz(3) not null default clock_timestamp()
);

-- Up to where the chain was followed: the tipset whose state the rows of `deal` show.
create table chain_head (
  network text primary key,
  epoch bigint not null,
  tip_set bytea[] not null,
  parent_state bytea not null,
  -- Market actor's state that was read, and the next deal id in it: what is new since is what differs from this.
  market_state bytea,
  next_deal_id bigint,
  seen_at timestamptz(3) not null default clock_timestamp()
);
