-- Values by key, steps of the scripts' tables, API keys.

-- name: kv_get
select value, version from candy_kv
where workspace = ?1 and key = ?2 and (expires_at is null or expires_at > ?3)

-- name: kv_list
select key, value, version from candy_kv
where workspace = ?1 and key >= ?2 and (?3 is null or key < ?3)
  and (expires_at is null or expires_at > ?4) and (?6 is null or key > ?6)
order by key limit ?5

-- name: kv_set
insert into candy_kv (workspace, key, value, version, expires_at)
  values (?1, ?2, ?3, ?4, ?5)
  on conflict (workspace, key) do update set
    value = excluded.value, version = excluded.version, expires_at = excluded.expires_at

-- A number that is added to keeps its time.
-- name: kv_count
update candy_kv set value = ?3, version = ?4 where workspace = ?1 and key = ?2

-- name: kv_delete
delete from candy_kv where workspace = ?1 and key = ?2

-- name: kv_expire
delete from candy_kv where (workspace, key) in (
  select workspace, key from candy_kv where expires_at <= ?1 limit ?2)

-- name: steps
select step, text from candy_schema_step where name = ?1 order by step

-- name: step_add
insert into candy_schema_step (name, step, text, applied_at) values (?1, ?2, ?3, ?4)

-- The host's own tables, and foreign keys that point to them: a step of a schema must
-- change neither number.
-- name: host_tables
select (select count(*) from sqlite_master
        where lower(name) glob 'candy_*' or lower(name) glob 'orchestrator_logs*')
  + (select count(*) from sqlite_master m, pragma_foreign_key_list(m.name) f
     where m.type = 'table' and (lower(f."table") glob 'candy_*'
       or lower(f."table") glob 'orchestrator_logs*'))

-- What a step of a schema may not leave behind: tables that hide SQLite's own, which the
-- host's queries use (second column 1), and views and triggers that name the host's. It
-- uses no such table itself.
-- name: misnamed
select name, 1 from sqlite_master
where type in ('table', 'view') and (lower(name) glob 'pragma_*' or lower(name) in (
  'json_each', 'json_tree', 'generate_series', 'dbstat', 'bytecode', 'tables_used',
  'fts3', 'fts4', 'fts5', 'fts3tokenize', 'fts4aux', 'fts5vocab', 'rtree', 'rtree_i32',
  'geopoly', 'series', 'completion'))
union all
select name, 0 from sqlite_master
where type in ('view', 'trigger') and (' ' || lower(sql) glob '*[^a-z0-9_]candy_*'
  or ' ' || lower(sql) glob '*[^a-z0-9_]orchestrator_logs*')
limit 1

-- name: key_add
insert into candy_api_key (name, hash, created_at) values (?1, ?2, ?3)
  on conflict (name) do update set hash = excluded.hash, created_at = excluded.created_at

-- name: keys
select name, hash, created_at from candy_api_key order by created_at, name
