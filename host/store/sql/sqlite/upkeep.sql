-- What happens to many jobs at once: recovery, types, the dead, retention.

-- Each keeps all its slots (sqlite_gate.h).
-- name: recover_ready
insert into candy_ready (queue, priority, turn, seq, id, lease, retry_count, rescues,
                         since, held)
  select queue, priority, turn, seq, id, lease, retry_count, rescues, ?1, 6
  from candy_running where not once

-- name: recover_places
insert into candy_place (id, queue, priority, turn, seq)
  select id, queue, priority, turn, seq from candy_running where not once and seq <> id

-- name: recover_failure
insert into candy_failure (id, lease, outcome, attempt, began_at, ended_at, worker, error)
  select id, lease, 2, retry_count + 1, claimed_at, ?1, null, ?2
  from candy_running where once

-- name: recover_dead
insert into candy_dead (id, lease, retry_count, rescues, began_at, finished_at)
  select id, lease, retry_count, rescues, claimed_at, ?1 from candy_running where once

-- name: recover_lost
select id, batch, lease, retry_count from candy_running where once

-- name: recover_clear
delete from candy_running

-- One host has the file: whoever held or waited is gone.
-- name: recover_locks
delete from candy_lock

-- The first jobs that a gate keeps back.
-- name: blocked_first
select queue, priority, turn, seq, id, lease, retry_count, rescues, held
from candy_blocked where kind = ?1 and scope = ?2 and key = ?3
order by priority, turn, seq limit ?4

-- name: blocked_take
delete from candy_blocked where kind = ?1 and scope = ?2 and key = ?3 and priority = ?4
  and turn = ?5 and seq = ?6

-- What can be run again by hand: a dead or a cancelled job.
-- name: ended_get
select j.queue, j.priority, coalesce(x.lease, d.lease), j.batch,
  x.id is not null from candy_job j
left join candy_dead x on x.id = j.id
left join candy_done d on d.id = j.id and d.state = 6
where j.id = ?1 and coalesce(x.lease, d.lease) is not null

-- name: dead_take
delete from candy_dead where id = ?1

-- name: cancelled_take
delete from candy_done where id = ?1 and state = 6

-- The first job from an id on, to find by bisection where a time lies among the ids.
-- name: job_from
select id, created_at from candy_job where id >= ?1 order by id limit 1

-- name: job_last
select max(id) from candy_job

-- name: done_scan
select id, finished_at from candy_done where id > ?1 and id < ?2 order by id limit ?3

-- name: dead_scan
select x.id from candy_dead x
where x.finished_at < ?1 and not exists (
  select 1 from candy_job j join candy_batch b on b.id = j.batch
  where j.id = x.id and {kept_children})
order by x.finished_at limit ?3

-- Forgetting works on runs of ids that follow each other without a gap.
-- name: forget_done
delete from candy_done where id between ?1 and ?2

-- name: forget_dead
delete from candy_dead where id between ?1 and ?2

-- name: forget_job
delete from candy_job where id between ?1 and ?2

-- name: forget_failure
delete from candy_failure where id between ?1 and ?2

-- name: forget_progress
delete from candy_progress where id between ?1 and ?2

-- name: forget_tags
delete from candy_job_tag where id between ?1 and ?2

-- name: free_pages
pragma freelist_count

-- name: pages
pragma page_count

-- name: page_size
pragma page_size

-- name: tables
select name from sqlite_master where type = 'table' order by name

-- name: vacuum_step
pragma incremental_vacuum(64)


