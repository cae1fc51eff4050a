-- Around the operations of a turn: its transaction, the sequence, names.

-- name: begin
begin immediate

-- name: commit
commit

-- name: rollback
rollback

-- name: savepoint
savepoint op

-- name: undo
rollback to op

-- name: release
release op

-- name: begin_read
begin

-- name: meta_get
select value from candy_meta where name = ?1

-- name: meta_set
insert into candy_meta (name, value) values (?1, ?2)
  on conflict (name) do update set value = excluded.value

-- name: names
select id, kind, name from candy_name order by id

-- name: name_add
insert into candy_name (id, kind, name) values (?1, ?2, ?3)
