-- What people and programs look at. {name} is replaced by the text of the query `name`,
-- {sources} by the sources of the states that are asked for (see sqlite_filter.c).

-- A job that is in none of the other tables is ready, or a gate keeps it back.
-- name: state
case when d.id is not null then d.state
     when x.id is not null then 7
     when r.id is not null then 2
     when s.id is not null then s.state
     when q.id is not null then 4
     else 1 end

-- name: places
left join candy_done d on d.id = j.id
left join candy_dead x on x.id = j.id
left join candy_running r on r.id = j.id
left join candy_scheduled s on s.id = j.id
left join candy_pending q on q.id = j.id

-- Where waiting jobs are in line, for what their rows carry.
-- name: lines
left join candy_blocked a on a.id = j.id
left join candy_place pl on pl.id = j.id
left join candy_ready y on y.queue = coalesce(pl.queue, j.queue)
  and y.priority = coalesce(pl.priority, iif(j.turn % 2, 0, j.priority))
  and y.turn = coalesce(pl.turn, j.turn) and y.seq = coalesce(pl.seq, j.id)

-- What a gate says of a ready job whose queue or task rests (GATE_PAUSED), or null.
-- name: rests
(select 10 from candy_pause z join candy_name n on n.kind = z.kind and n.name = z.name
 where n.id in (y.queue, j.type) and y.id = j.id limit 1)

-- name: fits
(:mask >> ({state})) & 1
and (:types is null or j.type in (
  select n.id from candy_name n, json_each(:types) e where n.kind = 0 and n.name = e.value))
and (:queues is null or j.queue in (
  select n.id from candy_name n, json_each(:queues) e
  where n.kind = 1 and n.name = e.value))
and (:tag is null or exists (
  select 1 from candy_job_tag t where t.id = j.id and t.tag = :tag))
and (:batch = 0 or j.batch = :batch)
and (:parent = 0 or j.parent_id = :parent)
and (:since = 0 or j.created_at >= :since)
and (:until = 0 or j.created_at < :until)
and (:search is null or j.payload like :search escape '\'
  or (select json_extract(f.error, '$.message') from candy_failure f
      where f.id = j.id order by f.lease desc limit 1) like :search escape '\')

-- name: ready_count
select count(*) from (select 1 from candy_ready limit ?1)

-- name: source_all
select id from candy_job

-- name: source_none
select id from candy_job where 0

-- name: source_scheduled
select id from candy_scheduled

-- name: source_available
select id from candy_ready union all select id from candy_blocked

-- name: source_running
select id from candy_running

-- name: source_done
select id from candy_done

-- name: source_dead
select id from candy_dead

-- name: source_pending
select id from candy_pending

-- name: source_batch
select id from candy_job where batch = :batch

-- name: source_parent
select id from candy_job where parent_id = :parent

-- name: source_ids
select distinct value as id from json_each(:ids)

-- name: source_tag
select id from candy_job_tag where tag = :tag

-- name: columns
j.id as id, {state} as state,
(select name from candy_name where id = j.type) as type,
(select name from candy_name where id = j.queue) as queue,
(select name from candy_name where id = j.workspace) as workspace,
j.priority as priority, j.key as key, j.tags as tags, j.parent_id as parent_id,
j.max_retries as max_retries, j.trace as trace, j.created_at as created_at,
coalesce(s.run_at, j.run_at) as run_at,
coalesce(d.retry_count, x.retry_count, r.retry_count, s.retry_count, a.retry_count,
  y.retry_count, q.retry_count, 0) as retry_count,
coalesce(d.rescues, x.rescues, r.rescues, s.rescues, a.rescues, y.rescues,
  q.rescues, 0)
  as rescues,
coalesce(d.began_at, x.began_at, r.claimed_at) as began_at,
coalesce(d.finished_at, x.finished_at) as finished_at,
d.worker as worker,
coalesce(a.kind, {rests}, iif(y.id = j.id and queue_is_full(y.queue), 11, null))
  as blocked_by, abs(j.batch) as batch,
p.id is not null as has_progress, p.percent as percent, p.message as message,
case when d.state = 6 then d.result else
  (select f.error from candy_failure f where f.id = j.id order by f.lease desc limit 1)
end as error

-- The inner LIMIT keeps the inner order: rows then come in it one by one, and only as
-- many are looked at as the page needs. An outer ORDER BY would sort them all.
-- name: list
select {columns}
from (select id from ({sources}) where id > :above and id < :below
      order by id desc limit -1) c
cross join candy_job j on j.id = c.id
{places}
{lines}
left join candy_progress p on p.id = j.id
where {fits}
limit :limit

-- name: job
select {columns}, j.payload as payload, iif(d.state = 5, d.result, null) as result,
  p.checkpoint as checkpoint,
  (select k.reason from candy_cancel k where k.id = j.id) as cancelling,
  (select l.at from candy_deadline l where l.id = j.id) as deadline
from candy_job j
{places}
{lines}
left join candy_progress p on p.id = j.id
where j.id = ?1

-- name: failures
select outcome = 1, attempt, began_at, ended_at, worker, error from candy_failure
where id = ?1 order by lease

-- Candidates of a bulk operation, and whether each fits.
-- name: bulk
select c.id, {fits}
from (select id from ({sources}) where id > :above and id < :below
      order by id limit :window) c
cross join candy_job j on j.id = c.id
{places}

-- name: stats
select
  (select count(*) from (select 1 from candy_scheduled where state = 0 limit 10000)),
  (select count(*) from (select 1 from candy_ready limit 10000)),
  (select count(*) from (select 1 from candy_running limit 10000)),
  (select count(*) from (select 1 from candy_scheduled where state = 3 limit 10000)),
  (select count(*) from (select 1 from candy_done where state = 5 limit 10000)),
  (select count(*) from (select 1 from candy_done where state = 6 limit 10000)),
  (select count(*) from (select 1 from candy_dead limit 10000)),
  (select count(*) from (select 1 from candy_blocked limit 10000)),
  (select count(*) from (select 1 from candy_pending limit 10000)),
  (select count(*) from (select 1 from candy_blocked where kind = 0 limit 10000))

-- The oldest of the next lane (queue and priority) behind the one that is given.
-- name: lane
select queue, priority, since from candy_ready where (queue, priority) > (?1, ?2)
order by queue, priority, turn, seq limit 1
