-- Places of jobs that wait, in full. A job is in exactly one of ready, blocked, scheduled,
-- running, done and dead.
--
-- A place is (queue, priority, turn, seq). `turn` is what the order of its queue makes of
-- a job when it comes in: its time for ageing, its virtual time for fairness, else 0.
-- `held`: which slots the job holds while it waits (sqlite_gate.c).
create table candy_ready_3 (
  queue integer not null,
  priority integer not null,
  turn integer not null,
  seq integer not null,
  id integer not null,
  lease integer not null,
  retry_count integer not null,
  rescues integer not null,
  since integer not null,
  held integer not null,
  primary key (queue, priority, turn, seq)
) without rowid;

insert into candy_ready_3
  select queue, priority, 0, seq, id, lease, retry_count, rescues, since, 0
  from candy_ready;
drop table candy_ready;
alter table candy_ready_3 rename to candy_ready;
create index candy_ready_held on candy_ready (id) where held <> 0;

-- Where a ready job is whose place is not (queue, priority, turn, id) of its candy_job,
-- with priority 0 where the turn is odd (sqlite_order.c): one that was scheduled,
-- retried, or brought back.
create table candy_place (
  id integer primary key,
  queue integer not null,
  priority integer not null,
  turn integer not null,
  seq integer not null
);

insert into candy_place
  select id, queue, priority, turn, seq from candy_ready where seq <> id;

-- Ready, but it may not run for now; a gate keeps it back, which is (kind, scope, key):
-- kind 0: no host here runs its type, which is `scope`. (enum sqlite_gate_kind)
create table candy_blocked (
  kind integer not null,
  scope integer not null,
  key text not null,
  priority integer not null,
  turn integer not null,
  seq integer not null,
  id integer not null,
  queue integer not null,
  lease integer not null,
  retry_count integer not null,
  rescues integer not null,
  held integer not null,
  primary key (kind, scope, key, priority, turn, seq)
) without rowid;

insert into candy_blocked
  select 0, type, '', priority, 0, seq, id, queue, lease, retry_count, rescues, 0
  from candy_set_aside;
drop table candy_set_aside;
create unique index candy_blocked_by_id on candy_blocked (id);

-- `seq`: the one that it keeps, or null for a new one when it comes due.
alter table candy_scheduled add column seq integer;
alter table candy_scheduled add column held integer not null default 0;

create table candy_running_3 (
  id integer primary key,
  type integer not null,
  queue integer not null,
  priority integer not null,
  turn integer not null,
  seq integer not null,
  lease integer not null,
  retry_count integer not null,
  rescues integer not null,
  claimed_at integer not null,
  once integer not null,
  key text,
  batch integer
);

-- What ran when Candy ended is released at the start; it needs no key for that.
insert into candy_running_3
  select r.id, j.type, r.queue, r.priority, 0, r.seq, r.lease, r.retry_count, r.rescues,
         r.claimed_at, r.once, j.key, null
  from candy_running r join candy_job j on j.id = r.id;
drop table candy_running;
alter table candy_running_3 rename to candy_running;

alter table candy_job add column turn integer not null default 0;
alter table candy_job add column batch integer;

-- ---- jobs that wait for others: sqlite_graph.c, sqlite_batch.c ----

-- `unmet`: for how many things it still waits: one for each job in candy_after, one for
-- its turn in a batch that lets go so many at a time, one for its children. Behind the
-- last of them it takes its place, but not before run_at, nor until `delay` is over then.
create table candy_pending (
  id integer primary key,
  unmet integer not null,
  run_at integer not null,
  delay integer not null,
  queue integer not null,
  priority integer not null,
  turn integer not null,
  seq integer not null,
  lease integer not null,
  retry_count integer not null,
  rescues integer not null,
  held integer not null
);

-- What has not ended yet, or only just now, and who waits for it. `anyhow`: whatever
-- becomes of it.
create table candy_after (
  dep integer not null,
  id integer not null,
  anyhow integer not null,
  primary key (dep, id)
) without rowid;

create index candy_after_by_id on candy_after (id, dep);

-- candy_job.batch: the batch that the job belongs to, or, negative, the one that it follows.
create index candy_job_by_batch on candy_job (batch, id) where batch is not null;

-- `parent`: the job whose children it holds; null for a batch that is one by itself.
-- `let_go` (with at_most): jobs up to this id were let go, and `active` of them have not
-- ended. `due`: bits of what follows it and was not told yet (enum store_batch_event).
create table candy_batch (
  id integer primary key,
  parent integer,
  depth integer not null,
  name text,
  workspace integer not null,
  created_at integer not null,
  finished_at integer,
  total integer not null,
  completed integer not null,
  dead integer not null,
  cancelled integer not null,
  at_most integer not null,
  let_go integer not null,
  active integer not null,
  due integer not null,
  fail_on_death integer not null,
  cancelling integer not null
);

create index candy_batch_by_parent on candy_batch (parent, id) where parent is not null;
create index candy_batch_by_end on candy_batch (finished_at)
  where finished_at is not null;

-- What is enqueued at an event of a batch; `job`: its id, once it was.
create table candy_follower (
  batch integer not null,
  event integer not null,
  job integer,
  type integer not null,
  queue integer not null,
  priority integer not null,
  max_retries integer not null,
  delay integer not null,
  run_at integer not null,
  parent_id integer,
  key text,
  tags text,
  trace text,
  payload text not null,
  primary key (batch, event)
) without rowid;

-- Limits and order (sqlite_gate.h). Jobs that wait and hold slots are found at the start.
create index candy_scheduled_held on candy_scheduled (id) where held <> 0;

-- How many began at a gate with a rate, up to `at`, as long as they count.
create table candy_start (
  kind integer not null,
  scope integer not null,
  key text not null,
  at integer not null,
  n integer not null,
  primary key (kind, scope, key, at)
) without rowid;

-- The last turn that each key of a fair queue was given (sqlite_order.c).
create table candy_turn (
  queue integer not null,
  key text not null,
  turn integer not null,
  primary key (queue, key)
) without rowid;

-- The lines of locks, in the order of arrival; the first of a line holds the lock. `due`
-- is the end of its lease, or of its patience while it waits. Tokens are numbers of the
-- store's sequence. Locks were values of candy_kv before, which have no holders any more.
create table candy_lock (
  token integer primary key,
  workspace text not null,
  name text not null,
  job integer not null,
  ttl_ms integer not null,
  held integer not null,
  due integer not null
);

create unique index candy_lock_line on candy_lock (workspace, name, token);
create index candy_lock_due on candy_lock (due);

delete from candy_kv where workspace = 'candy:locks';

-- ---- control ----

-- Running jobs that were told to end, until their claim ends. `state`: what becomes of
-- the job then, cancelled or dead (enum store_state).
create table candy_cancel (
  id integer primary key,
  lease integer not null,
  state integer not null,
  at integer not null,
  reason text not null -- JSON: {code, message}
);

-- By when jobs are to have ended, of those that have such a time; also of jobs that have
-- ended since, until it has passed.
create table candy_deadline (
  id integer primary key,
  at integer not null
);

create index candy_deadline_by_time on candy_deadline (at);

-- Queues and types that rest. `kind` as in candy_name.
create table candy_pause (
  kind integer not null,
  name text not null,
  at integer not null,
  by text not null,
  reason text,
  primary key (kind, name)
) without rowid;

-- What people did to jobs, queues and tasks, the last 20,000 deeds.
create table candy_audit (
  id integer primary key,
  at integer not null,
  by text not null,
  action text not null,
  job_id integer,
  detail text not null -- JSON object
);

create index candy_audit_by_job on candy_audit (job_id, id) where job_id is not null;
-- ---- uniqueness ----

-- The newest job of each hash (struct store_unique), for as long as it is known. Nothing is
-- done here when jobs end. `former`: the one before, if it still ran when it was
-- superseded.
create table candy_unique (
  hash blob primary key,
  id integer not null,
  former integer
) without rowid;

create index candy_unique_by_id on candy_unique (id);
