-- The processes that are nodes of the IPFS network, as they last said of themselves. Whoever needs the network finds one here.
create table peer_instance (
  peer_id text primary key,
  -- Multiaddrs under which others reach it, without /p2p/.
  addresses text[] not null,
  -- Where it answers the other processes of this service.
  control_url text not null,
  started_at timestamptz(3) not null,
  seen_at timestamptz(3) not null,
  stats jsonb not null
);
