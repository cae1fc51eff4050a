-- Jobs that wait for others, and batches.

-- name: pending_add
insert into candy_pending (id, unmet, run_at, delay, queue, priority, turn, seq, lease,
                           retry_count, rescues, held)
  values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)

-- The last thing that it waited for: the job is to take its place.
-- name: pending_last
delete from candy_pending where id = ?1 and unmet = 1
returning queue, priority, turn, seq, lease, retry_count, rescues, held, run_at, delay

-- name: pending_met
update candy_pending set unmet = unmet - 1 where id = ?1

-- name: pending_take
delete from candy_pending where id = ?1
returning queue, priority, turn, seq, lease, retry_count, rescues, held, run_at, delay,
          unmet

-- What is, or became, of a job that others are to wait for; 0: it has not ended.
-- name: after_state
select case when d.id is not null then d.state when x.id is not null then 7 else 0 end,
  j.batch
from candy_job j
left join candy_done d on d.id = j.id
left join candy_dead x on x.id = j.id
where j.id = ?1

-- name: after_add
insert or ignore into candy_after (dep, id, anyhow) values (?1, ?2, ?3)

-- name: after_first
select id, anyhow from candy_after where dep = ?1 order by id limit ?2

-- name: after_take
delete from candy_after where dep = ?1 and id = ?2

-- name: after_drop
delete from candy_after where (dep, id) in (
  select dep, id from candy_after where id = ?1)

-- name: after_any
select 1 from candy_after limit 1

-- name: after_deps
select dep from candy_after limit ?1

-- What an earlier run left over: waited for, and it has ended.
-- name: after_over
select a.dep, case when d.id is not null then d.state else 7 end
from (select distinct dep from candy_after) a
left join candy_done d on d.id = a.dep
left join candy_dead x on x.id = a.dep
where d.id is not null or x.id is not null

-- name: after_of
select dep from candy_after where id = ?1 order by dep limit 1000

-- name: job_batch
select batch from candy_job where id = ?1

-- What is told of a waiting job that has ended.
-- name: job_told
select (select name from candy_name where id = j.type),
  (select name from candy_name where id = j.workspace), j.trace
from candy_job j where j.id = ?1

-- name: batch_add
insert into candy_batch (id, parent, depth, name, workspace, created_at, total, completed,
                         dead, cancelled, at_most, let_go, active, due, fail_on_death,
                         cancelling)
  values (?1, ?2, ?3, ?4, ?5, ?6, 0, 0, 0, 0, ?7, 0, 0, ?8, ?9, 0)

-- name: batch_get
select parent, finished_at, total, completed, dead, cancelled, at_most, let_go, active,
       due, fail_on_death, cancelling
from candy_batch where id = ?1

-- name: batch_set
update candy_batch set finished_at = ?2, total = ?3, completed = ?4, dead = ?5,
  cancelled = ?6, let_go = ?7, active = ?8, due = ?9, cancelling = ?10
where id = ?1

-- `cancelling`: 1 while its jobs are asked to end, 2 behind that.
-- name: batch_cancel
update candy_batch set cancelling = 1 where id = ?1 and finished_at is null

-- name: batch_all_asked
update candy_batch set cancelling = 2 where id = ?1

-- name: batch_goes_on
update candy_batch set cancelling = 0 where id = ?1

-- name: batch_left_alone
update candy_batch set due = 0 where id = ?1

-- name: batch_depth
select depth from candy_batch where id = ?1 and parent is not null

-- The batch of the children that a job waits for.
-- name: batch_of_parent
select id from candy_batch where parent = ?1 and finished_at is null and due <> 0
order by id desc limit 1

-- name: batch_fans
select 1 from candy_batch where parent is not null limit 1

-- name: batch_cancelling
select id from candy_batch where cancelling = 1 and finished_at is null

-- Children that were still to be cancelled because the job that waits for them has ended.
-- name: batch_orphans
select b.parent, coalesce(d.state, 7) from candy_batch b
left join candy_done d on d.id = b.parent
left join candy_dead x on x.id = b.parent
where b.parent is not null and b.finished_at is null and b.due <> 0 and b.cancelling = 0
  and (d.id is not null or x.id is not null)

-- name: batch_jobs
select id from candy_job where batch = ?1 and id > ?2 order by id limit ?3

-- name: follower_add
insert into candy_follower (batch, event, type, queue, priority, max_retries, delay,
                            run_at, parent_id, key, tags, trace, payload)
  values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)

-- name: follower_get
select type, queue, priority, max_retries, delay, run_at, parent_id, key, tags, trace,
       payload
from candy_follower where batch = ?1 and event = ?2

-- name: follower_told
update candy_follower set job = ?3 where batch = ?1 and event = ?2

-- The job that waits for these children has not ended.
-- name: parent_waits
exists (select 1 from candy_job where id = b.parent)
and not exists (select 1 from candy_done where id = b.parent)
and not exists (select 1 from candy_dead where id = b.parent)

-- Children are kept until all of them are over and their parent is, and then for as long
-- as completed jobs are kept, since ?2.
-- name: kept_children
b.parent is not null
and (b.finished_at is null or b.finished_at >= ?2 or ({parent_waits}))

-- name: child_kept
select 1 from candy_job j join candy_batch b on b.id = j.batch
where j.id = ?1 and {kept_children}

-- name: batch_old
select id from candy_batch b
where finished_at < ?1 and (dead = 0 or finished_at < ?2) and not ({parent_waits})
limit ?3

-- name: forget_batch
delete from candy_batch where id = ?1

-- name: forget_followers
delete from candy_follower where batch = ?1

-- name: batch_columns
b.id, b.name, b.parent, b.total, b.completed, b.dead, b.cancelled, b.at_most,
b.cancelling, b.created_at, b.finished_at,
(select name from candy_name where id = b.workspace)

-- name: batch_view
select {batch_columns} from candy_batch b where b.id = ?1

-- name: batch_page
select {batch_columns} from candy_batch b where b.id < ?1 and b.parent is null
order by b.id desc limit ?2

-- name: batch_followers
select f.event, f.job, (select name from candy_name where id = f.type)
from candy_follower f where f.batch = ?1 order by f.event

-- name: fan_last
select id, fail_on_death and completed < total
from candy_batch where parent = ?1 order by id desc limit 1

-- name: fan_dead
select j.id from candy_job j join candy_dead x on x.id = j.id
where j.batch = ?1 order by j.id limit 1

-- name: fan_children
select j.id, (select name from candy_name where id = j.type), {state},
       iif(d.state = 5, d.result, null),
       case when d.state = 6 then d.result when d.state = 5 then null else
         (select f.error from candy_failure f where f.id = j.id order by f.lease desc
          limit 1) end
from candy_job j
{places}
where j.batch = ?1 and j.id > ?2 order by j.id limit 1000
