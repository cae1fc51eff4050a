-- What people do to jobs: cancel them, give them a deadline, let them rest, change them.

-- name: cancel_add
insert or ignore into candy_cancel (id, lease, state, at, reason)
  select id, lease, ?2, ?3, ?4 from candy_running where id = ?1

-- name: cancel_get
select lease, state, reason from candy_cancel where id = ?1

-- name: cancel_drop
delete from candy_cancel where id = ?1

-- name: cancel_count
select count(*) from candy_cancel

-- What was told to end and is still held by a claim.
-- name: cancel_running
select c.id, c.lease, c.state, c.reason, r.retry_count, r.rescues, r.claimed_at
from candy_cancel c join candy_running r on r.id = c.id

-- name: deadline_add
insert or replace into candy_deadline (id, at) values (?1, ?2)

-- name: deadline_next
select min(at) from candy_deadline

-- name: deadline_due
select id from candy_deadline where at <= ?1 order by at limit ?2

-- name: deadline_drop
delete from candy_deadline where id = ?1

-- name: forget_deadline
delete from candy_deadline where id between ?1 and ?2

-- name: pause_add
insert or ignore into candy_pause (kind, name, at, by, reason)
  values (?1, ?2, ?3, ?4, ?5)

-- name: pause_drop
delete from candy_pause where kind = ?1 and name = ?2

-- name: pauses
select kind, name, at, by, reason from candy_pause order by kind, name

-- Ready jobs that hold slots.
-- name: ready_held
select queue, priority, turn, seq, id, lease, retry_count, rescues, held
from candy_ready indexed by candy_ready_held where held <> 0

-- name: audit_add
insert into candy_audit (at, by, action, job_id, detail) values (?1, ?2, ?3, ?4, ?5)

-- name: audit_trim
delete from candy_audit where id <= (select max(id) from candy_audit) - 20000

-- name: audit_of_job
select id, at, by, action, job_id, detail from candy_audit where job_id = ?1
order by id limit 1000

-- name: audit_list
select id, at, by, action, job_id, detail from candy_audit where id < ?1
order by id desc limit ?2

-- name: edit_get
select j.payload, j.priority, j.run_at, j.tags,
  (select name from candy_name where id = j.queue)
from candy_job j where j.id = ?1

-- name: edit_set
update candy_job set payload = coalesce(?2, payload), priority = ?3, queue = ?4,
  run_at = iif(?8, ?5, run_at), tags = iif(?6, ?7, tags)
where id = ?1

-- One row a queue. Each count goes no further than 10,000, or than the first 100,000 rows
-- of tables that are in no order of queues.
-- name: queues
select n.name,
  (select count(*) from (select 1 from candy_ready r where r.queue = n.id limit 10000)),
  coalesce(b.n, 0), coalesce(s.n, 0), coalesce(t.n, 0), coalesce(u.n, 0),
  coalesce(x.n, 0),
  (select r.since from candy_ready r where r.queue = n.id
   order by r.priority, r.turn, r.seq limit 1),
  p.at, p.by, p.reason
from candy_name n
left join (select queue, count(*) as n from (select queue from candy_blocked limit 100000)
           group by queue) b on b.queue = n.id
left join (select queue, sum(state = 0) as n
           from (select queue, state from candy_scheduled limit 100000)
           group by queue) s on s.queue = n.id
left join (select queue, sum(state = 3) as n
           from (select queue, state from candy_scheduled limit 100000)
           group by queue) t on t.queue = n.id
left join (select queue, count(*) as n from candy_running group by queue) u
  on u.queue = n.id
left join (select j.queue as queue, count(*) as n
           from (select id from candy_dead order by id desc limit 10000) d
           cross join candy_job j on j.id = d.id group by j.queue) x on x.queue = n.id
left join candy_pause p on p.kind = 1 and p.name = n.name
where n.kind = 1 order by n.name limit 1000
