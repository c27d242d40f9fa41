-- CRC-32 of each 32 KiB of an aggregate, taken when it was validated; null of those that were validated before. Random numbers do not compress, and
-- kept outside of the row as they are, some of them are read without the others.
alter table aggregate_tree add column sums bytea;
alter table aggregate_tree alter column sums set storage external;
