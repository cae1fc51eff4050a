-- Jobs of which there is one: unique, debounced and throttled ones, and singletons.
local same = {}

same.script = [[
plain("sole", { unique = { fields = { "k" }, states = { "scheduled", "available",
  "running", "retryable", "pending", "completed" } } }, 20)

plain("alone", { unique = { "k" } }, 100)

plain("calm", {
  debounce = { wait = "300ms", max_wait = "2s", fields = { "k" } },
}, 20)

plain("rare", { throttle = { window = "3s", fields = { "k" } } }, 20)

plain("skipped", { singleton = "skip", key = "{k}" }, 100)

plain("queued", { singleton = "queue", key = "{k}" }, 20)

plain("newest", { singleton = "cancel_previous", key = "{k}" }, 100)

plain("latest", { singleton = "cancel_queued", key = "{k}" }, 100)
]]

-- A few calls for each of ever new keys.
local function passing_key(load)
  return math.floor(load.items / 150) + math.random(8)
end

same.kinds = {
  sole = { weight = 3, key = passing_key },
  alone = { weight = 2, keys = 12 },
  calm = { weight = 2, keys = 8 },
  rare = { weight = 1, keys = 8 },
  skipped = { weight = 1, keys = 8 },
  queued = { weight = 2, keys = 8 },
  newest = { weight = 2, keys = 6 },
  latest = { weight = 2, keys = 6 },
}

same.limits = {
  { name = "queued", types = { "queued" }, by_key = true, at_most = 1 },
  { name = "newest", types = { "newest" }, by_key = true, at_most = 1 },
  { name = "latest", types = { "latest" }, by_key = true, at_most = 1 },
  { name = "skipped", types = { "skipped" }, by_key = true, at_most = 1 },
}

same.sql = [[
  insert into same values ('sole'), ('alone'), ('calm'), ('rare'), ('skipped');
  insert into excuses select id from jobs
    where code = 'superseded' and type in ('newest', 'latest');
  create table calls as select s.n, kind, acked, s.id, duplicate, j.k job_k,
      j.type job_type from sent s left join jobs j on j.id = s.id
    where kind in (select kind from same);
  create index calls_id on calls (id);
]]

same.faults = {
  sole_twice = [[
    select k, count(*) times from jobs where type = 'sole' and state = 'completed'
      group by k having times > 1]],
  alone_twice = [[
    select id, type, k, created_at, ended from (
      select id, type, k, created_at,
          lag(finished_at) over (partition by type, k order by id) ended
        from jobs where type in ('alone', 'skipped'))
      where created_at < ended]],
  duplicate_of_nobody = [[
    select n, kind, id from calls where acked and duplicate and job_type is not kind]],
  duplicate_of_itself = [[
    select c.n, c.id from calls c join jobs j on j.type = c.kind and j.n = c.n
      where acked and duplicate and kind <> 'calm']],
  calm_old = [[
    select c.id, j.n, max(c.n) newest from calls c join jobs j on j.id = c.id
      where kind = 'calm' and acked group by c.id having j.n < newest]],
  calm_stranger = [[
    select j.id, j.n, s.id from jobs j join sent s on s.n = j.n
      where type = 'calm' and acked and s.id <> j.id]],
  calm_effect = [[
    select j.id, j.n, e.n from jobs j join effects e on e.id = j.id
      where type = 'calm' and e.n <> j.n]],
  rare_twice = [[
    select id, k, created_at, before from (
      select id, k, created_at, lag(state) over w state,
          lag(created_at) over w before
        from jobs where type = 'rare' window w as (partition by k order by id))
      where created_at < before + 3000 and state <> 'cancelled']],
  newest_lost = [[
    select type, k, id, state from (
      select type, k, state, max(id) id from jobs where type in ('newest', 'latest')
        group by type, k)
      where state <> 'completed' and id not in (select id from asked)
        and id not in (select id from worn)]],
}

same.tampering = {
  sole_twice = [[update jobs set k = (select k from jobs where type = 'sole' and
      state = 'completed' limit 1)
    where id = (select max(id) from jobs where type = 'sole' and state = 'completed')]],
  alone_twice = [[update jobs set created_at = 0 where id =
    (select max(id) from jobs where type = 'alone')]],
  duplicate_of_nobody = [[update calls set job_type = null where n =
    (select n from calls where acked and duplicate limit 1)]],
  duplicate_of_itself = [[update calls set duplicate = 1 where n =
    (select n from calls where acked and not duplicate and kind = 'alone' limit 1)]],
  calm_old = [[update jobs set n = 0 where id = (select max(id) from calls
    where kind = 'calm' and acked)]],
  calm_stranger = [[update jobs set n = (select n from calls where kind = 'calm' and acked
      and id <> jobs.id limit 1)
    where id = (select min(id) from jobs where type = 'calm')]],
  calm_effect = [[update effects set n = -1
    where id = (select max(id) from jobs where type = 'calm' and state = 'completed')]],
  rare_twice = [[update jobs set created_at = 0 where id =
    (select max(id) from jobs where type = 'rare')]],
  newest_lost = [[update jobs set state = 'dead' where id = (select max(id) from jobs
    where type = 'newest' and id not in (select id from asked))]],
}

return same
