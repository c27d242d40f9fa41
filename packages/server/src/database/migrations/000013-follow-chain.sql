-- Following the chain: how it goes, and what each look asks the rows for.

-- Written at every look by the process that follows a network, read by all that are asked how this server is.
create table chain_follow (
  network text primary key,
  -- Of the node's head, when it answered last.
  head_epoch bigint,
  answered_at timestamptz(3),
  -- Why the chain is not followed at present.
  trouble text,
  trouble_since timestamptz(3)
);

-- Of millions of deals a look concerns a few: those that may be published still, those whose time comes, those in a deadline.
create index deal_publishable on deal (start_epoch)
  where proposal_cid is not null and state in ('proposed', 'delivered', 'published', 'active', 'failed');
create index deal_ending on deal (end_epoch) where state in ('published', 'active');
create index deal_starting on deal (start_epoch) where state = 'published';
create index deal_claimed on deal (id)
  where chain_deal_id is not null and (state in ('proposed', 'delivered') or state = 'published' and published_epoch is null);
create index deal_at_work on deal (provider_id, deadline, partition) where state = 'active';
create index deal_not_placed on deal (provider_id) where state = 'active' and (deadline is null or proving = 'unknown');
