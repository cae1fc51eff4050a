-- What happens to many jobs at once: recovery, types, the dead, retention.

-- name: recover_ready
insert into candy_ready (queue, priority, seq, id, lease, retry_count, rescues, since)
  select queue, priority, seq, id, lease, retry_count, rescues, ?1
  from candy_running where not once

-- name: recover_failure
insert into candy_failure (id, lease, outcome, attempt, began_at, ended_at, worker, error)
  select id, lease, 2, retry_count + 1, claimed_at, ?1, null, ?2
  from candy_running where once

-- name: recover_dead
insert into candy_dead (id, lease, retry_count, rescues, began_at, finished_at)
  select id, lease, retry_count, rescues, claimed_at, ?1 from candy_running where once

-- name: recover_clear
delete from candy_running

-- The two of a pair take the same rows: the first of a type, by id.
-- name: set_aside_back
insert into candy_ready (queue, priority, seq, id, lease, retry_count, rescues, since)
  select queue, priority, seq, id, lease, retry_count, rescues, ?2
  from candy_set_aside where type = ?1 order by id limit ?3

-- name: set_aside_take
delete from candy_set_aside where type = ?1 and id in (
  select id from candy_set_aside where type = ?1 order by id limit ?2)

-- name: dead_get
select j.queue, j.priority, d.lease from candy_dead d join candy_job j on j.id = d.id
where d.id = ?1

-- name: dead_take
delete from candy_dead where id = ?1

-- The first job from an id on, to find by bisection where a time lies among the ids.
-- name: job_from
select id, created_at from candy_job where id >= ?1 order by id limit 1

-- name: job_last
select max(id) from candy_job

-- name: done_scan
select id, finished_at from candy_done where id > ?1 and id < ?2 order by id limit ?3

-- name: dead_scan
select id from candy_dead where finished_at < ?1 order by finished_at limit ?2

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

-- name: set_aside_any
select 1 from candy_set_aside where type = ?1 limit 1
