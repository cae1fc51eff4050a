-- Jobs that stand for themselves: quick and slow ones, such that fail, that enqueue
-- others, and that must not run twice.
local CHILDREN = 3 -- of a parent

local kinds = {}

kinds.script = [[
task("child", {}, effect)

task("quick", {}, effect)

plain("plain", {}, 1)

plain("slow", {}, 300)

task("busy", {}, function(job)
  begin(job)
  local till = candy.time.now() + 10
  while candy.time.now() < till do end
  effect(job)
end)

task("flaky", {}, function(job)
  effect(job)
  if job.attempt == 1 then
    error("the first attempt fails")
  end
  begin(job)
end)

task("parent", {}, function(job)
  begin(job)
  effect(job)
  for part = 1, ]] .. CHILDREN .. [[ do
    job:enqueue("child", { n = job.payload.n, part = part })
  end
end)

task("doomed", {}, function(job)
  effect(job)
  job:enqueue("child", { n = job.payload.n, part = 0 })
  return nil, candy.permanent("on purpose")
end)

plain("once", { rerun = false }, 50)
]]

kinds.kinds = {
  quick = { weight = 12 },
  plain = { weight = 12 },
  slow = { weight = 4 },
  busy = { weight = 4 },
  flaky = { weight = 4 },
  parent = { weight = 4 },
  doomed = { weight = 4, dies = true },
  once = { weight = 4, dies = true },
}

kinds.sql = [[
  insert into mortal values ('doomed', 'error'), ('once', 'outcome_unknown');
]]

kinds.faults = {
  rerun = [[
    select b.id, count(*) times from begun b join jobs j on j.id = b.id
      where type = 'once' group by b.id having times > 1]],
  children = [[
    select p.id, p.type, count(c.id) have from jobs p
      left join jobs c on c.parent = p.id and c.type = 'child'
      where p.type in ('parent', 'doomed') group by p.id
      having have <> ]] .. CHILDREN .. [[
        * (p.type = 'parent' and p.state = 'completed')]],
}

kinds.tampering = {
  rerun = [[insert into begun select * from begun
    where id in (select id from jobs where type = 'once') limit 1]],
  children = "update jobs set parent = (select max(id) from jobs where type = 'doomed') "
    .. "where id = (select max(id) from jobs where type = 'child')",
}

return kinds
