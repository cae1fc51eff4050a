-- The log table: lines in and out, their words, their end. {sources} is replaced by the
-- clauses of a filter (see sqlite_log_read.c).

-- name: log_add
insert into orchestrator_logs (id, time, level, message, job_id, attempt, type, trace_id,
                               worker, workspace_id, fields)
  values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)

-- name: log_last
select max(id) from orchestrator_logs

-- The first line from an id on, to find by bisection where a time lies among the ids.
-- name: log_from
select id, time from orchestrator_logs where id >= ?1 order by id limit 1

-- name: log_columns
l.id, l.time, l.level, l.message, l.job_id, l.attempt, l.type, l.trace_id, l.worker,
l.workspace_id, case when json_valid(l.fields) then l.fields end

-- name: log_one
select {log_columns} from orchestrator_logs l where l.id = ?1

-- The nearest lines below and above an id, as far as another one.
-- name: log_below
select {log_columns} from orchestrator_logs l where l.id < ?1 and l.id > ?2
order by l.id desc limit ?3

-- name: log_above
select {log_columns} from orchestrator_logs l where l.id > ?1 and l.id < ?2
order by l.id limit ?3

-- name: log_down
select l.id, l.message, log_words(l.fields) from orchestrator_logs l
where l.id > :above and l.id < :below {sources}
order by l.id desc limit :window

-- name: log_up
select l.id, l.message, log_words(l.fields) from orchestrator_logs l
where l.id > :above and l.id < :below {sources}
order by l.id limit :window

-- name: log_found
select l.id from orchestrator_logs_text t cross join orchestrator_logs l on l.id = t.rowid
where orchestrator_logs_text match :match and t.rowid > :above and t.rowid < :below
  {sources}
order by t.rowid desc limit :window

-- name: log_by_level
and (:levels >> l.level) & 1

-- name: log_by_trouble
and l.level >= 2

-- name: log_by_job
and l.job_id = :job

-- name: log_by_trace
and l.trace_id = :trace

-- name: log_by_worker
and l.worker = :worker

-- name: log_by_types
and l.type in (select value from json_each(:types))

-- name: log_by_since
and l.time >= :since

-- name: log_by_until
and l.time < :until

-- How much text of a line goes to the words.
-- name: log_bytes
length(cast(message as blob)) + ifnull(length(cast(fields as blob)), 0)

-- The words of lines that were written since. Escapes within the JSON of fields are no
-- letters (log_words, sqlite_log_index.c).
-- name: log_index_next
select id, {log_bytes} from orchestrator_logs where id > ?1 order by id limit ?2

-- name: log_index
insert into orchestrator_logs_text (rowid, message, fields)
  select id, message, log_words(fields) from orchestrator_logs where id > ?1 and id <= ?2

-- name: log_unindex
insert into orchestrator_logs_text (orchestrator_logs_text, rowid, message, fields)
  select 'delete', id, message, log_words(fields) from orchestrator_logs
  where id between ?1 and ?2

-- name: log_unindex_all
insert into orchestrator_logs_text (orchestrator_logs_text) values ('delete-all')

-- name: log_oldest
select id, time, {log_bytes} from orchestrator_logs order by id limit ?1

-- name: log_forget
delete from orchestrator_logs where id between ?1 and ?2

-- Columns, and which of them must have a value.
-- name: log_shape
select name, "notnull" and dflt_value is null and not pk
from pragma_table_info('orchestrator_logs')
