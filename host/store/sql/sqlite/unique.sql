-- Jobs that are the same to their task (sqlite_unique.c).

-- name: unique_add
insert or ignore into candy_unique (hash, id) values (?1, ?2)

-- name: unique_get
select id, former from candy_unique where hash = ?1

-- name: unique_set
update candy_unique set id = ?2, former = ?3 where hash = ?1

-- name: unique_job
select {state}, j.created_at from candy_job j {places} where j.id = ?1

-- name: unique_payload
update candy_job set payload = ?2, run_at = ?3 where id = ?1

-- A `former` that is gone is met when its row is read.
-- name: forget_unique
delete from candy_unique where id between ?1 and ?2
