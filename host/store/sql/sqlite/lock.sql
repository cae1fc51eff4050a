-- Lines of locks: see store.h.

-- How many are in a line, counted up to a limit.
-- name: lock_line
select count(*) from (
  select 1 from candy_lock where workspace = ?1 and name = ?2 limit ?3)

-- name: lock_add
insert into candy_lock (token, workspace, name, job, ttl_ms, held, due)
  values (?1, ?2, ?3, ?4, ?5, ?6, ?7)

-- name: lock_extend
update candy_lock set due = ?2 where token = ?1 and held

-- name: lock_drop
delete from candy_lock where token = ?1 returning held, workspace, name

-- The first of a line holds the lock, if it does not yet.
-- name: lock_give
update candy_lock set held = 1, due = ?3 + ttl_ms
where token = (
    select token from candy_lock where workspace = ?1 and name = ?2
    order by token limit 1)
  and not held
returning token, due

-- Those who wait come first: nobody is given a lock whose patience has ended, too.
-- name: lock_due
select token from candy_lock where due <= ?1 order by held, due limit ?2

-- name: lock_next
select min(due) from candy_lock
