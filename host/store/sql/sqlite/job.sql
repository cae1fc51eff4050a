-- The way of a job: enqueued, claimed, finished.

-- name: job_add
insert into candy_job (id, type, queue, workspace, priority, max_retries, created_at,
                       run_at, parent_id, key, tags, payload, trace, turn, batch)
  values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)

-- name: tags_add
insert or ignore into candy_job_tag (id, tag) select ?1, value from json_each(?2)

-- name: ready_add
insert into candy_ready (queue, priority, turn, seq, id, lease, retry_count, rescues,
                         since, held)
  values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)

-- name: place_add
insert into candy_place (id, queue, priority, turn, seq) values (?1, ?2, ?3, ?4, ?5)

-- name: place_drop
delete from candy_place where id = ?1

-- name: scheduled_add
insert into candy_scheduled (id, state, run_at, queue, priority, lease, retry_count,
                             rescues, seq, held, turn)
  values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)

-- name: scheduled_next
select min(run_at) from (
  select min(run_at) as run_at from candy_scheduled where state = 0
  union all
  select min(run_at) from candy_scheduled where state = 3)

-- name: scheduled_due
select id, run_at, queue, priority, lease, retry_count, rescues, seq, held, turn from (
  select * from candy_scheduled where state = 0 and run_at <= ?1
  union all
  select * from candy_scheduled where state = 3 and run_at <= ?1)
order by run_at, id limit ?2

-- name: scheduled_take
delete from candy_scheduled where id = ?1

-- name: ready_queue
select queue from candy_ready where queue > ?1 order by queue limit 1

-- name: ready_scan
select r.priority, r.turn, r.seq, r.id, r.lease, r.retry_count, r.rescues, r.held,
       j.type, j.workspace, j.max_retries, j.created_at, j.batch, j.priority, j.key,
       j.tags, j.payload, j.trace
from candy_ready r cross join candy_job j on j.id = r.id
where r.queue = ?1 order by r.priority, r.turn, r.seq limit ?2

-- name: ready_take
delete from candy_ready where queue = ?1 and priority = ?2 and turn = ?3
  and seq between ?4 and ?5

-- name: running_add
insert into candy_running (id, type, queue, priority, turn, seq, lease, retry_count,
                           rescues, claimed_at, once, key, batch)
  values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)

-- name: blocked_add
insert into candy_blocked (kind, scope, key, priority, turn, seq, id, queue, lease,
                           retry_count, rescues, held)
  values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)

-- name: checkpoint
select checkpoint from candy_progress where id = ?1

-- The fence: a finish has effects only for the claim that still holds the job.
-- name: fence
select queue, priority, turn, seq, retry_count, rescues, claimed_at, type, key, batch
from candy_running where id = ?1 and lease = ?2

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

-- One job, wherever it waits.
-- name: waiting_ready
select y.queue, y.priority, y.turn, y.seq, y.lease, y.retry_count, y.rescues, y.held
from candy_job j
left join candy_place pl on pl.id = j.id
join candy_ready y on y.queue = coalesce(pl.queue, j.queue)
  and y.priority = coalesce(pl.priority, iif(j.turn % 2, 0, j.priority))
  and y.turn = coalesce(pl.turn, j.turn) and y.seq = coalesce(pl.seq, j.id)
where j.id = ?1 and y.id = j.id

-- name: waiting_blocked
select queue, priority, turn, seq, lease, retry_count, rescues, held
from candy_blocked where id = ?1

-- name: blocked_drop
delete from candy_blocked where id = ?1

-- name: waiting_scheduled
select queue, priority, turn, seq, lease, retry_count, rescues, held, state, run_at
from candy_scheduled where id = ?1
