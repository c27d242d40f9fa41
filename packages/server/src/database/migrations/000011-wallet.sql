-- Keys with which proposals of deals are signed.
create table wallet_key (
  -- f1 or f3, in binary.
  address bytea primary key,
  kind text not null check (kind in ('secp256k1', 'bls')),
  -- AES-256-GCM under a key derived from the key secret, with the address as associated data: nonce (12), tag (16), 32 encrypted bytes.
  sealed bytea not null,
  is_default boolean not null default false,
  created_at timestamptz(3) not null default clock_timestamp()
);
create unique index wallet_key_default on wallet_key (is_default) where is_default;
