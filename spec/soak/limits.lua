-- Jobs under limits and in strict order. That never more of them ran than may, is told by
-- the steps of the attempts that had their effect: such a one ran from its first step to
-- its last, since the last one is written in the transaction that gives its slot up.
--
-- That never more of them began within a window than the rate allows, is told by the
-- moments in which the host took them up, which is when it counts them; what a job itself
-- sees of the time is later than that, and there is no end to how much. Each attempt that
-- had a first step counts, whatever became of it.
local uv = require("luv")

local limits = {}

limits.script = [[
candy.queue.declare("lane", { concurrency = 5, key_concurrency = 1 })
candy.queue.declare("fair", { fair = true, weights = { ["1"] = 5 } })
candy.queue.declare("line", { order = "strict" })
candy.queue.declare("rows", { order = "strict_by_key" })

plain("narrow", { key = "{k}", key_concurrency = 1, concurrency = 4 }, 20)

plain("lane_a", { queue = "lane", key = "{k}" }, 20)
plain("lane_b", { queue = "lane", key = "{k}" }, 30)

plain("paired", { queue = "fair", key = "{k}", key_concurrency = 2 }, 30)

plain("paced", { key = "{k}", rate = "30/6s", key_rate = "8/6s" }, 1)

-- One in forty fails at first, and keeps those behind it waiting.
local function now_and_then(name, opts)
  task(name, opts, function(job)
    begin(job)
    rest(job, 5)
    if job.payload.n % 40 == 0 and job.attempt == 1 then
      return nil, { code = "not_yet", message = "not yet", retry_after = 0.05 }
    end
    effect(job)
  end)
end

now_and_then("ledger", { key = "{k}", order = "strict" })
now_and_then("line", { queue = "line" })
now_and_then("row_a", { queue = "rows", key = "{k}" })
now_and_then("row_b", { queue = "rows", key = "{k}" })
]]

-- Priorities count for nothing in strict order.
local function any_priority()
  return { priority = math.random(-2, 2) }
end

limits.kinds = {
  narrow = { weight = 3, keys = 12, options = any_priority },
  lane_a = { weight = 2, keys = 8 },
  lane_b = { weight = 2, keys = 8, options = any_priority },
  paired = { weight = 2, keys = 8 },
  paced = { weight = 0, keys = 4 },
  ledger = { weight = 3, keys = 8, options = any_priority },
  line = { weight = 1, options = any_priority },
  row_a = { weight = 1, keys = 8 },
  row_b = { weight = 1, keys = 8, options = any_priority },
}

-- at_most in all, or of each key; strict: in the order in which they came.
limits.limits = {
  { name = "narrow", types = { "narrow" }, at_most = 4 },
  { name = "narrow_key", types = { "narrow" }, by_key = true, at_most = 1 },
  { name = "lane", types = { "lane_a", "lane_b" }, at_most = 5 },
  { name = "lane_key", types = { "lane_a", "lane_b" }, by_key = true, at_most = 1 },
  { name = "paired", types = { "paired" }, by_key = true, at_most = 2 },
  { name = "ledger", types = { "ledger" }, by_key = true, at_most = 1, strict = true },
  { name = "line", types = { "line" }, at_most = 1, strict = true },
  { name = "rows", types = { "row_a", "row_b" }, by_key = true, at_most = 1,
    strict = true },
}

local next_burst = 0

-- More at once than may begin within one window, so that the rate is what spreads them;
-- but not more than it lets through in the long run.
local function burst(load, call)
  local now_s, items = uv.hrtime() / 1e9, {}
  if now_s < next_burst then
    return
  end
  next_burst = now_s + 12
  for i = 1, 45 do
    items[i] = load:item("paced")
  end
  load:send(call, items)
end

limits.deeds = { burst }

-- The store forgets the moment with the attempt: here it stays, noted in the same
-- transaction.
limits.watch = [[
  create table paced_claims (id integer, lease integer, at integer);
  create trigger paced_claim after insert on candy_running
    when new.type in (select id from candy_name where kind = 0 and name = 'paced') begin
    insert into paced_claims values (new.id, new.lease, new.claimed_at);
  end;
]]

function limits.meetings(load)
  local meetings = { load:meeting("narrow", 4), load:meeting("lane_a", 5) }
  for k = 1, limits.kinds.paired.keys do
    meetings[#meetings + 1] = load:meeting("paired", 2, k)
  end
  return meetings
end

limits.sql = [[
  create table spans as
    select l.name || ' ' || case when by_key then key else '' end lane, at_most, strict,
        a.id, a.lease, b, e
      from accepted a join jobs j on j.id = a.id join limited l on l.type = j.type;
  create table begun_in as
    select l.name || ' ' || case when by_key then key else '' end lane, strict, b.id,
        b.lease, b.seq
      from begun b join jobs j on j.id = b.id join limited l on l.type = j.type
      where at_most = 1;
  create table paced as
    select b.id, b.lease, j.key, c.at
      from begun b join jobs j on j.id = b.id
      left join store.paced_claims c on c.id = b.id and c.lease = b.lease
      where type = 'paced';
]]

limits.faults = {
  overlap = [[
    select lane, seq, running, at_most from (
      select lane, seq, at_most, sum(one) over (partition by lane order by seq) running
        from (select lane, at_most, b seq, 1 one from spans
          union all select lane, at_most, e, -1 from spans))
      where running > at_most]],
  intruder = [[
    select a.lane, a.id, b, e, next from spans a
      join (select lane, id, lease, seq, lead(seq) over (partition by lane order by seq)
        next from begun_in) n on n.lane = a.lane and n.seq = a.b
      where next < e]],
  disorder = [[
    select lane, id, before from (
      select lane, id, lag(id) over (partition by lane order by e) before
        from spans where strict)
      where id < before]],
  overtaken = [[
    select lane, id, count(*) times from (
      select lane, id, lag(id) over (partition by lane order by seq) before
        from begun_in where strict)
      where before is null or id <> before group by lane, id having times > 1]],
  paced_unseen = "select id, lease from paced where at is null",
  paced = [[
    select id, lease, at, before from (
      select id, lease, at, lag(at, 30) over (order by at) before from paced)
      where at - before < 6000]],
  paced_key = [[
    select id, lease, at, before from (
      select id, lease, at, lag(at, 8) over (partition by key order by at) before
        from paced)
      where at - before < 6000]],
}

-- One more at the very end of the window in which as many began as may.
local function one_more(rate, partition)
  return ([[insert into paced select -1, 1, key, at + 5999 from (
      select key, at, lead(at, %d) over (%s order by at) last from paced)
    where last < at + 6000 order by last - at limit 1]]):format(rate - 1, partition)
end

limits.tampering = {
  overlap = "update spans set e = (select max(e) from spans) where b = "
    .. "(select min(b) from spans where lane like 'narrow_key%')",
  intruder = "insert into begun_in select lane, 1, id, 1, b + 0.5 from spans "
    .. "where lane like 'ledger%' limit 1",
  disorder = "update spans set id = 0 where e = (select max(e) from spans where strict)",
  overtaken = "update begun_in set id = (select id from begun_in where lane = 'line ' "
    .. "limit 1) where lane = 'line ' and seq = (select max(seq) from begun_in where "
    .. "lane = 'line ')",
  paced_unseen = "update paced set at = null where id = (select max(id) from paced)",
  paced = one_more(30, ""),
  paced_key = one_more(8, "partition by key"),
}

return limits
