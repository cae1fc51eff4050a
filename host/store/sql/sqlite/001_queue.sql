-- The queue's tables. A job's row with its payload is written once and never touched; the
-- narrow tables say where it is. A job is in exactly one of ready, scheduled, running,
-- set_aside, done and dead.
create table candy_meta (name text primary key, value) without rowid;

-- least_version: the oldest Candy that may still write to these tables.
-- next: the next number of the sequence that ids, places in the queue and versions share.
insert into candy_meta values ('least_version', '0.1.0'), ('next', 1), ('clean', 1);

-- Names of queues, workspaces and types as small numbers (see sqlite_names.c).
create table candy_name (
  id integer primary key,
  kind integer not null,
  name text not null,
  unique (kind, name)
);

create table candy_job (
  id integer primary key,
  type integer not null,
  queue integer not null,
  workspace integer not null,
  priority integer not null,
  max_retries integer not null,
  created_at integer not null,
  run_at integer, -- as it was asked for
  parent_id integer,
  key text,
  tags text, -- JSON
  payload text not null -- JSON, byte for byte as it came
);

create table candy_job_tag (
  id integer not null,
  tag text not null,
  primary key (id, tag)
) without rowid;

create index candy_job_by_tag on candy_job_tag (tag, id);

-- What can be claimed, in the order of claims. `since`: when it became ready.
create table candy_ready (
  queue integer not null,
  priority integer not null,
  seq integer not null,
  id integer not null,
  lease integer not null,
  retry_count integer not null,
  rescues integer not null,
  since integer not null,
  primary key (queue, priority, seq)
) without rowid;

-- What waits for its time; `state` is scheduled or retryable (enum store_state).
create table candy_scheduled (
  id integer primary key,
  state integer not null,
  run_at integer not null,
  queue integer not null,
  priority integer not null,
  lease integer not null,
  retry_count integer not null,
  rescues integer not null
);

create index candy_scheduled_by_time on candy_scheduled (state, run_at);

-- `once`: the job must not run again by itself (its type said so when it was claimed).
create table candy_running (
  id integer primary key,
  queue integer not null,
  priority integer not null,
  seq integer not null,
  lease integer not null,
  retry_count integer not null,
  rescues integer not null,
  claimed_at integer not null,
  once integer not null
);

-- Ready, but of a type that no host here can run.
create table candy_set_aside (
  type integer not null,
  id integer not null,
  queue integer not null,
  priority integer not null,
  seq integer not null,
  lease integer not null,
  retry_count integer not null,
  rescues integer not null,
  primary key (type, id)
) without rowid;

-- `state` is completed or cancelled; `result` of a cancelled one is why: {code, message}.
create table candy_done (
  id integer primary key,
  state integer not null,
  lease integer not null,
  retry_count integer not null,
  rescues integer not null,
  began_at integer not null,
  finished_at integer not null,
  worker text,
  result text -- JSON, null for null
);

create index candy_cancelled on candy_done (id) where state = 6;

create table candy_dead (
  id integer primary key,
  lease integer not null,
  retry_count integer not null,
  rescues integer not null,
  began_at integer not null,
  finished_at integer not null
);

create index candy_dead_by_time on candy_dead (finished_at);

-- The history of what went wrong: a row each failure and each rescue. `outcome`: 0 it was
-- retried, 1 it was rescued, 2 it died of it.
create table candy_failure (
  id integer not null,
  lease integer not null,
  outcome integer not null,
  attempt integer not null,
  began_at integer not null,
  ended_at integer not null,
  worker text,
  error text not null, -- JSON: {code, message, ...}
  primary key (id, lease)
) without rowid;

-- Only of jobs that tell their progress.
create table candy_progress (
  id integer primary key,
  percent real,
  message text,
  checkpoint text -- JSON
);

create table candy_kv (
  workspace text not null,
  key text not null,
  value text not null, -- JSON
  version integer not null,
  expires_at integer,
  primary key (workspace, key)
) without rowid;

create index candy_kv_by_expiry on candy_kv (expires_at) where expires_at is not null;

-- Steps of the scripts' own tables that were applied, with their text.
create table candy_schema_step (
  name text not null,
  step integer not null,
  text text not null,
  applied_at integer not null,
  primary key (name, step)
) without rowid;

create table candy_api_key (
  name text primary key,
  hash blob not null,
  created_at integer not null
) without rowid;
