-- The way of a job: enqueued, claimed, finished.

-- name: job_add
insert into candy_job (id, type, queue, workspace, priority, max_retries, created_at,
                       run_at, parent_id, key, tags, payload, trace)
  values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)

-- name: tags_add
insert or ignore into candy_job_tag (id, tag) select ?1, value from json_each(?2)

-- name: ready_add
insert into candy_ready (queue, priority, seq, id, lease, retry_count, rescues, since)
  values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)

-- name: scheduled_add
insert into candy_scheduled (id, state, run_at, queue, priority, lease, retry_count,
                             rescues)
  values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)

-- name: scheduled_next
select min(run_at) from (
  select min(run_at) as run_at from candy_scheduled where state = 0
  union all
  select min(run_at) from candy_scheduled where state = 3)

-- name: scheduled_due
select id, run_at, queue, priority, lease, retry_count, rescues from (
  select * from candy_scheduled where state = 0 and run_at <= ?1
  union all
  select * from candy_scheduled where state = 3 and run_at <= ?1)
order by run_at, id limit ?2

-- name: scheduled_take
delete from candy_scheduled where id = ?1

-- name: ready_queue
select queue from candy_ready where queue > ?1 order by queue limit 1

-- name: ready_any
select 1 from candy_ready limit 1

-- name: ready_scan
select r.priority, r.seq, r.id, r.lease, r.retry_count, r.rescues, j.type, j.workspace,
       j.max_retries, j.created_at, j.key, j.tags, j.payload, j.trace
from candy_ready r cross join candy_job j on j.id = r.id
where r.queue = ?1 order by r.priority, r.seq limit ?2

-- name: ready_take
delete from candy_ready where queue = ?1 and priority = ?2 and seq between ?3 and ?4

-- name: running_add
insert into candy_running (id, queue, priority, seq, lease, retry_count, rescues,
                           claimed_at, once)
  values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)

-- name: set_aside_add
insert into candy_set_aside (type, id, queue, priority, seq, lease, retry_count, rescues)
  values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)

-- name: checkpoint
select checkpoint from candy_progress where id = ?1

-- The fence: a finish has effects only for the claim that still holds the job.
-- name: fence
select queue, priority, seq, retry_count, rescues, claimed_at from candy_running
where id = ?1 and lease = ?2

-- name: running_take
delete from candy_running where id = ?1

-- name: done_add
insert into candy_done (id, state, lease, retry_count, rescues, began_at, finished_at,
                        worker, result)
  values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)

-- name: dead_add
insert into candy_dead (id, lease, retry_count, rescues, began_at, finished_at)
  values (?1, ?2, ?3, ?4, ?5, ?6)

-- name: failure_add
insert into candy_failure (id, lease, outcome, attempt, began_at, ended_at, worker, error)
  values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)

-- name: progress_set
insert into candy_progress (id, percent, message, checkpoint)
  select id, ?3, ?4, ?5 from candy_running where id = ?1 and lease = ?2
  on conflict (id) do update set
    percent = coalesce(excluded.percent, percent),
    message = coalesce(excluded.message, message),
    checkpoint = coalesce(excluded.checkpoint, checkpoint)
