-- In strict order a job keeps its place while it waits for its next attempt, and with it
-- the turn that a fair or an ageing queue gave it.
alter table candy_scheduled add column turn integer not null default 0;
