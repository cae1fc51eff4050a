-- Jobs that want the same locks: such that hold one while a function runs, and such that
-- hold it until what they write is there.
local locks = {}

locks.script = [[
candy.schema("soak_locks", {
  "create table held (seq integer primary key, name integer, token integer, "
    .. "id integer, ended integer)",
  "create table counters (name integer primary key, count integer)",
})

local HELD = "insert into held (name, token, id, ended) values (?, ?, ?, ?)"

-- Who does not get it in time comes again, without counting an attempt.
local function once_more(job, err)
  if err and err.code == "locked" then
    return job:snooze("100ms")
  end
  return nil, err
end

task("guarded", {}, function(job)
  begin(job)
  local k, id = job.payload.k, tonumber(job.id)
  local ok, err = candy.lock.with("guarded/" .. k, { wait = "500ms" }, function(lock)
    assert(candy.db.exec(HELD, k, lock.token, id, 0))
    rest(job, 10)
    assert(candy.db.exec(HELD, k, lock.token, id, 1))
    return true
  end)
  if not ok then
    return once_more(job, err)
  end
  effect(job)
end)

task("counter", {}, function(job)
  begin(job)
  local k = job.payload.k
  local lock, err = candy.lock.acquire("counter/" .. k, { wait = "500ms" })
  if not lock then
    return once_more(job, err)
  end
  local row = candy.db.one("select count from counters where name = ?", k)
  rest(job, 10)
  job:write("insert or replace into counters values (?, ?)", k,
    (row and row.count or 0) + 1)
  effect(job)
end)
]]

locks.kinds = {
  guarded = { weight = 2, keys = 10 },
  counter = { weight = 2, keys = 10 },
}

locks.sql = [[
  create table holders as
    select name, token, id, ended, seq,
        lead(token) over w next_token, lag(token) over w before,
        (token, 1) in (select token, ended from store.held) released
      from store.held window w as (partition by name order by seq);
  create table counted as
    select k, count(*) effects, (select count from store.counters where name = k) count
      from jobs where type = 'counter' and state = 'completed' group by k;
]]

locks.faults = {
  held_by_two = [[
    select name, token, next_token, id from holders
      where not ended and released and next_token is not token]],
  token_shrank = "select name, token, before from holders where token < before",
  update_lost = "select k, effects, count from counted where effects is not count",
}

locks.tampering = {
  held_by_two = "update holders set next_token = 0 where seq = (select max(seq) from "
    .. "holders where not ended and released)",
  token_shrank = "update holders set before = token + 1 where before",
  update_lost = "update counted set count = count - 1",
}

return locks
