-- How much of an aggregate has been put together or read back, told every few seconds while that goes on; null otherwise.
alter table aggregate add column done_bytes bigint;
