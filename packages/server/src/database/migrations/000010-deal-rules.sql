-- Rules over deals that run by themselves.

-- Of one that failed or was terminated: until then the same provider is not given this piece again; where null, that has not been settled yet.
alter table deal add column again_at timestamptz(3);
