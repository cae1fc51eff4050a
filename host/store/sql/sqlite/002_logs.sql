-- The log table, for people and programs to read; scripts have no access. What it must
-- look like is checked at each start (sqlite_logs.c). `level`: 0 debug, 1 info, 2 warn,
-- 3 error. Ids and times grow together, so there is no index by time.
create table if not exists orchestrator_logs (
  id integer primary key,
  time integer not null, -- ms since 1970
  level integer not null check (level between 0 and 3),
  message text not null check (length(trim(message)) > 0),
  job_id integer,
  attempt integer,
  type text,
  trace_id text,
  worker text,
  workspace_id text not null default 'default',
  fields text -- JSON object
);

create index orchestrator_logs_by_job on orchestrator_logs (job_id, id)
  where job_id is not null;

create index orchestrator_logs_by_trace on orchestrator_logs (trace_id, id)
  where trace_id is not null;

create index orchestrator_logs_of_trouble on orchestrator_logs (id) where level >= 2;

-- Words of messages and fields. Rows enter it in steps behind the log (sqlite_log_index.c),
-- up to the id that logs_indexed names; there is no trigger.
create virtual table orchestrator_logs_text using fts5 (
  message, fields, content = 'orchestrator_logs', content_rowid = 'id',
  tokenize = 'unicode61 remove_diacritics 2'
);

insert into candy_meta values ('logs_indexed', 0);

-- The trace id of a job that was given one; others have theirs by their id.
alter table candy_job add column trace text;
