-- Limits and order: see sqlite_gate.h.

-- Slots: who runs, and who holds some while it waits, those first who are to keep them;
-- and whether its task rests.
-- name: count_running
select type, queue, key from candy_running

-- name: count_ready
select j.type, r.queue, j.key, r.held, r.id, 0
from candy_ready r indexed by candy_ready_held cross join candy_job j on j.id = r.id
where r.held <> 0 order by r.priority, r.turn, r.seq

-- name: count_blocked
select j.type, b.queue, j.key, b.held, b.id, b.kind = 10
from candy_blocked b cross join candy_job j on j.id = b.id
where b.held <> 0 order by b.priority, b.turn, b.seq

-- name: count_scheduled
select j.type, s.queue, j.key, s.held, s.id, 0
from candy_scheduled s indexed by candy_scheduled_held cross join candy_job j
  on j.id = s.id
where s.held <> 0 order by s.seq

-- What one of them holds from now on.
-- name: ready_hold
update candy_ready set held = ?2 where id = ?1 and held <> 0

-- name: blocked_hold
update candy_blocked set held = ?2 where id = ?1

-- name: scheduled_hold
update candy_scheduled set held = ?2 where id = ?1

-- name: count_called
select queue, count(*) from candy_ready indexed by candy_ready_held
where held <> 0 group by queue

-- The next gate that jobs wait behind, and the next with another scope.
-- name: blocked_gate
select kind, scope, key from candy_blocked where (kind, scope, key) > (?1, ?2, ?3)
order by kind, scope, key limit 1

-- name: blocked_scope
select kind, scope, key from candy_blocked where (kind, scope) > (?1, ?2)
order by kind, scope, key limit 1

-- Who has not come from the gate before, or from none. ?4: with their types.
-- name: blocked_early
select queue, priority, turn, seq, id, lease, retry_count, rescues, held,
  case when ?4 then (select j.type from candy_job j where j.id = b.id) else 0 end
from candy_blocked b where kind = ?1 and scope = ?2 and held < ?3
order by key, priority, turn, seq

-- name: starts
select kind, scope, key, at, n from candy_start order by kind, scope, key, at

-- name: start_set
insert into candy_start (kind, scope, key, at, n) values (?1, ?2, ?3, ?4, ?5)
  on conflict (kind, scope, key, at) do update set n = excluded.n

-- name: starts_forget
delete from candy_start where kind = ?1 and scope = ?2 and key = ?3 and at <= ?4

-- name: starts_expire
delete from candy_start where at < ?1

-- ?3: the turn that the queue has come to; ?4: a step.
-- name: turn_give
insert into candy_turn (queue, key, turn) values (?1, ?2, ?3 + ?4)
  on conflict (queue, key) do update set turn = max(turn, ?3) + ?4
  returning turn

-- A job that came again may have kept a turn of long ago.
-- name: turn_now
select coalesce(
  (select nullif(max(turn), 0) from candy_running
   where queue = ?1 and turn % 2 = 0 and lease = 1),
  (select turn from candy_ready where queue = ?1 and lease = 0
   order by priority, turn, seq limit 1),
  (select max(turn) from candy_turn where queue = ?1), 0)

-- name: turns_forget
delete from candy_turn where queue = ?1 and turn <= ?2

-- name: turns_count
select count(*) from candy_turn where queue = ?1

-- name: origin
select type, key from candy_job where id = ?1

-- name: job_priority
select priority from candy_job where id = ?1
