-- Jobs that wait for others, and jobs that fan out and read what came of it.
local graph = { tables = { edges = "n integer, dep integer, anyhow integer" } }

graph.script = [[
plain("link", { key = "{k}", key_concurrency = 2 }, 20)

task("broken", { max_retries = 0 }, function(job)
  begin(job)
  error("on purpose")
end)

task("leaf", {}, function(job)
  begin(job)
  local n, part = job.payload.n, job.payload.part
  if (n + part) % 11 == 0 then
    return nil, candy.permanent("on purpose")
  end
  effect(job, part)
  return part
end)

-- What its children came to is its own effect and result.
local function fan(name, child, opts, limits)
  task(name, limits or {}, function(job)
    begin(job)
    local children, sum = job:children(), 0
    if not children then
      local jobs = {}
      for part = 1, job.payload.n % 4 + 1 do
        jobs[part] = { type = child, payload = { n = job.payload.n, part = part } }
      end
      effect(job, #jobs, 2)
      return job:fan_out(jobs, opts)
    end
    for _, one in ipairs(children) do
      sum = sum + (one.result or 0)
    end
    effect(job, sum)
    return sum
  end)
end

fan("fan", "leaf")
fan("narrow_fan", "leaf", { at_most = 2 }, { key = "{k}", key_concurrency = 1 })
fan("grand_fan", "fan")
]]

local function link(load, kind, name, after, anyhow)
  local item = load:item(kind)
  item.options = { ref = name .. item.n, after = {},
    after_failure = anyhow and "run" or nil }
  for i, dep in ipairs(after) do
    item.options.after[i] = dep.id or "#" .. dep.options.ref
    load:note("edges", item.n, dep.n, anyhow or false)
  end
  if #after == 0 then
    item.options.after = nil
  end
  return item
end

-- One, two behind it, and one behind these; one of them may fail, and one of another
-- request may be in front.
local function diamond(load)
  local before = math.random(2) == 1 and load:recent("link")
  local top = link(load, "link", "top", before and { before } or {})
  local left = link(load, math.random(6) == 1 and "broken" or "link", "left", { top })
  local right = link(load, "link", "right", { top }, math.random(4) == 1)
  return { top, left, right,
    link(load, "link", "end", { left, right }, math.random(4) == 1) }
end

graph.kinds = {
  link = { weight = 2, keys = 8, make = diamond },
  broken = { weight = 0, dies = true },
  fan = { weight = 2 },
  narrow_fan = { weight = 1, keys = 4 },
  grand_fan = { weight = 1 },
}

graph.limits = {
  { name = "link", types = { "link" }, by_key = true, at_most = 2 },
  { name = "narrow_fan", types = { "narrow_fan" }, by_key = true, at_most = 1 },
}

graph.sql = [[
  create index edges_n on edges (n);
  create table links as
    select e.n, e.anyhow, j.id, j.state, j.code, d.id dep, d.state dep_state,
        (select min(seq) from begun b where b.id = j.id) b,
        (select seq from effects x where x.id = d.id) dep_e
      from edges e join jobs j on j.n = e.n and j.type in ('link', 'broken')
      join jobs d on d.n = e.dep and d.type in ('link', 'broken');
  insert into mortal values ('leaf', 'error'), ('broken', 'error'),
    ('broken', 'killed'), ('broken', 'crashed'); -- its worker was struck while it failed
  insert into excuses select id from links
    where code = 'dependency_failed' and not anyhow and dep_state <> 'completed';
  insert into excuses select c.id from jobs c join jobs p on p.id = c.parent
    where c.code = 'batch_cancelled' and p.state = 'cancelled';
]]

graph.faults = {
  before_its_time = [[
    select id, dep, b, dep_e from links
      where dep_e > b or b not null and not anyhow and dep_state <> 'completed']],
  fanned_out_twice = [[
    select j.id, type, count(f.id) times from jobs j left join fanned f on f.id = j.id
      where type in ('fan', 'narrow_fan', 'grand_fan') group by j.id
      having times > 1 or state = 'completed' and times = 0]],
  torn_fan = [[
    select p.id, p.type, count(c.id) have from jobs p
      left join jobs c on c.parent = p.id
      where p.type in ('fan', 'narrow_fan', 'grand_fan') group by p.id
      having have <> (p.n % 4 + 1) * (p.id in (select id from fanned))]],
  misread = [[
    select p.id, e.value, sum(x.value) have from jobs p
      join effects e on e.id = p.id
      left join jobs c on c.parent = p.id left join effects x on x.id = c.id
      where p.type in ('fan', 'narrow_fan', 'grand_fan') group by p.id
      having e.value <> coalesce(have, 0)]],
  before_its_children = [[
    select p.id, e.seq, max(x.seq) last from jobs p
      join effects e on e.id = p.id
      join jobs c on c.parent = p.id join effects x on x.id = c.id
      where p.type in ('fan', 'narrow_fan', 'grand_fan') group by p.id
      having last > e.seq]],
}

graph.tampering = {
  before_its_time = "update links set b = -1",
  fanned_out_twice = "insert into fanned select * from fanned limit 1",
  torn_fan = "update jobs set parent = -1 where id = (select max(id) from jobs "
    .. "where type = 'leaf')",
  misread = "update effects set value = 1000 where id = (select max(id) from jobs "
    .. "where type = 'fan' and state = 'completed')",
  -- Of a parent that had an effect to wait for: all its children may have died.
  before_its_children = "update effects set seq = 0 where id = (select max(p.id) "
    .. "from jobs p join jobs c on c.parent = p.id join effects x on x.id = c.id "
    .. "where p.type = 'narrow_fan' and p.state = 'completed')",
}

return graph
