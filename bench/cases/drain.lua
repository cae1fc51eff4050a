-- A backlog of no-op jobs: first enqueued in requests of 1000 while nobody takes from the
-- queue, then drained by a host that starts on it. The drain is timed by what the store
-- says itself: from the first job that began to the last one that finished. The store's
-- own ceiling is the same work by the store alone, without HTTP, frames and Lua. Each
-- figure is the median of some runs.
local uv = require("luv")
local cjson = require("cjson")
local candy = require("spec.support.candy")
local hosts = require("bench.hosts")
local machine = require("bench.machine")
local statistics = require("bench.statistics")

local CONNECTIONS = 4

-- Notes what a run measured; the name of a figure is that of its list.
local function note(lists, name, value)
  lists[name] = lists[name] or {}
  table.insert(lists[name], value)
end

local function drained(host, jobs)
  local row = hosts.rows(host, [[
    select count(*), max(finished_at) - min(began_at)
      from candy_done join candy_job using (id)
      where type = (select id from candy_name where name = 'noop')]])[1]
  assert(tonumber(row[1]) == jobs, ("%s of %d jobs completed"):format(row[1], jobs))
  return jobs / (tonumber(row[2]) / 1000)
end

local function note_processes(lists, host, jobs)
  local pids = host:workers()
  note(lists, "host_kb", machine.memory(host.pid).rss)
  note(lists, "worker_kb", machine.memory(pids[1]).rss)
  pids[#pids + 1] = host.pid
  note(lists, "cpu_us", machine.cpu_ns(pids) / jobs / 1000)
end

local function run_once(lists, jobs, workers)
  local held = hosts.start_held()
  note(lists, "enqueue", jobs / hosts.enqueue(held, jobs, CONNECTIONS))
  held:stop()
  local host = hosts.again(held, { workers = workers })
  hosts.wait_empty(host)
  note_processes(lists, host, jobs)
  host:stop()
  note(lists, "drain", drained(host, jobs))
  hosts.drop(host)
end

-- With so many workers; returns the jobs a second.
local function measure(report, scale, workers)
  local lists, median = {}, {}
  for _ = 1, scale.runs do
    run_once(lists, scale.jobs, workers)
  end
  for name, values in pairs(lists) do
    median[name] = statistics.median(values)
  end
  local what = ("drain of %d jobs, workers %d"):format(scale.jobs, workers)
  report(what, median.drain, "/s")
  report(what .. ", CPU a job", median.cpu_us, "us")
  report(what .. ", host after it", median.host_kb, "kB")
  report(what .. ", worker after it", median.worker_kb, "kB")
  return median
end

-- What the store alone does, or nil where its probe has not been built.
local function ceiling(scale)
  local program, lists = candy.build .. "/probe/store_bench", {}
  if not uv.fs_stat(program) then
    return nil
  end
  for _ = 1, scale.runs do
    local folder = candy.folder()
    local run = candy.spawn(program, { "sqlite:", folder, tostring(scale.jobs) })
    local code = candy.join(run)
    candy.remove(folder)
    assert(code == 0, run.err.text)
    local rates = cjson.decode(run.out.text)
    note(lists, "enqueue", rates.enqueue_per_s)
    note(lists, "drain", rates.drain_per_s)
  end
  return statistics.median(lists.enqueue), statistics.median(lists.drain)
end

return function(report, scale)
  local one = measure(report, scale, 1)
  local all = measure(report, scale, uv.available_parallelism())
  report(("enqueue by 1000, connections %d"):format(CONNECTIONS), one.enqueue, "/s")
  local enqueue, drain = ceiling(scale)
  if enqueue then
    report("the store alone, enqueue by 1000", enqueue, "/s")
    report("the store alone, drain", drain, "/s")
    report("enqueue as a part of the store's own", one.enqueue / enqueue, "")
    local best = math.max(one.drain, all.drain)
    report("drain as a part of the store's own", best / drain, "")
  end
end
