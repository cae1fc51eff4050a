-- What holds for each job of each kind: taken in whole or not at all, ended once, with
-- its effect exactly when it completed, and ended otherwise only for a known reason.
local every = { kinds = {} }

every.tables = {
  sent = "n integer primary key, kind text, request integer, acked integer, "
    .. "id integer, duplicate integer, probe integer",
}

-- What subjects add to: the kinds of which an enqueue may be answered by another job, the
-- kinds that may die, by their code, and the jobs that may be cancelled. Any job may die
-- of the sixth death of a worker that had it; on a slow machine it is there for so long.
every.sql = [[
  create index sent_id on sent (id);
  create table same (kind text);
  create table mortal (kind text, code text);
  create table excuses (id integer primary key on conflict ignore);
  create table worn as
    select j.id from jobs j where code = 'rescued_too_often' and 5 <= (
      select count(*) from store.candy_failure f where f.id = j.id and outcome = 1);
]]

every.faults = {
  job_lost = [[
    select s.n, kind, s.id from sent s left join jobs j on j.id = s.id and type = kind
      where acked and j.id is null]],
  misfiled = [[
    select s.n, kind, s.id from sent s join jobs j on j.id = s.id
      where acked and not duplicate and j.n <> s.n and kind <> 'calm']],
  enqueued_twice = [[
    select type, n, count(*) times from jobs where parent is null and batch >= 0
      or parent is null and batch is null group by type, n having times > 1]],
  of_nobody = [[
    select j.id, type, j.n from jobs j left join sent s on s.n = j.n and kind = type
      where parent is null and coalesce(batch, 0) >= 0 and s.n is null]],
  torn_request = [[
    select request, size, done from (
      select s.request, count(*) size, sum(exists (
          select 1 from jobs where type = s.kind and jobs.n = s.n)) done
        from sent s where not acked and kind not in (select kind from same)
        group by s.request)
      where done not in (0, size)]],
  unfinished = "select id, type from jobs where state is null",
  doubled = "select id, count(*) times from effects group by id having times > 1",
  effect_lost = [[
    select id, type from jobs where state = 'completed'
      and id not in (select id from effects)]],
  unaccepted = [[
    select e.id, e.lease, type, state, j.lease finished from effects e
      left join jobs j on j.id = e.id
      where j.id is null or state is not 'completed' or j.lease <> e.lease]],
  stale = [[
    select e.id, e.lease, max(b.lease) newest from effects e join begun b on b.id = e.id
      group by e.id having newest > e.lease]],
  died = [[
    select id, type, code from jobs where state = 'dead'
      and (type, code) not in (select kind, code from mortal)
      and id not in (select id from worn)]],
  cancelled_by_nobody = [[
    select id, type, code from jobs j where state = 'cancelled'
      and not exists (select 1 from excuses x where x.id = j.id)]],
  probe_failed = [[
    select s.n, kind, s.id, state from sent s left join jobs j on j.id = s.id
      where probe and state is not 'completed']],
}

every.tampering = {
  job_lost = "update sent set id = -1 where n = (select min(n) from sent where acked)",
  misfiled = [[update jobs set n = -n where id = (select id from sent
    where acked and kind = 'quick' limit 1)]],
  enqueued_twice = [[insert into jobs select -id, type, queue, key, parent, batch,
    created_at, n, k, state, lease, began_at, finished_at, code from jobs
    where type = 'plain' limit 1]],
  of_nobody = "update jobs set n = -1 where id = (select max(id) from jobs "
    .. "where type = 'quick')",
  torn_request = [[
    create table largest as select request from sent where kind in ('quick', 'plain')
      and acked group by request order by count(*) desc limit 1;
    update sent set acked = 0 where request in (select request from largest);
    update sent set n = -n where n = (select n from sent
      where request in (select request from largest) and kind in ('quick', 'plain')
        limit 1)]],
  unfinished = "update jobs set state = null where id = (select max(id) from jobs)",
  doubled = "insert into effects select * from effects limit 1",
  effect_lost = "delete from effects where id = (select max(id) from effects)",
  unaccepted = [[update effects set lease = lease + 1
    where id = (select max(id) from effects)]],
  stale = [[insert into begun select 0, id, lease + 1 from effects
    where id in (select id from begun) limit 1]],
  died = "update jobs set state = 'dead', code = 'rescued_too_often' "
    .. "where id = (select max(id) from jobs where type = 'plain')",
  cancelled_by_nobody = [[update jobs set state = 'cancelled', code = 'cancelled'
    where id = (select max(id) from jobs where type = 'once')]],
  probe_failed = "update jobs set state = 'dead' where id = (select max(id) from sent "
    .. "where probe)",
}

return every
