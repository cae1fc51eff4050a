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
local STORE_BENCH = candy.build .. "/probe/store_bench"

-- Notes what a run measured; the name of a figure is that of its list.
local function note(lists, name, value)
  lists[name] = lists[name] or {}
  table.insert(lists[name], value)
end

local function note_processes(lists, host, jobs)
  local pids = host:workers()
  note(lists, "host_kb", machine.memory(host.pid).rss)
  note(lists, "worker_kb", machine.memory(pids[1]).rss)
  pids[#pids + 1] = host.pid
  note(lists, "cpu_us", machine.cpu_ns(pids) / jobs / 1000)
end

-- With so many workers.
local function run_host(lists, jobs, workers)
  local held = hosts.start_held()
  note(lists, "enqueue", jobs / hosts.enqueue(held, jobs, { connections = CONNECTIONS }))
  local host = hosts.release(held, { workers = workers })
  hosts.wait_empty(host)
  note_processes(lists, host, jobs)
  host:stop()
  note(lists, "drain", hosts.drained(host, "noop", jobs))
  hosts.drop(host)
end

-- What the store alone does.
local function run_store(lists, jobs)
  local folder = candy.folder()
  local run = candy.spawn(STORE_BENCH, { "sqlite:", folder, tostring(jobs) })
  local code = candy.join(run)
  candy.remove(folder)
  assert(code == 0, run.err.text)
  local rates = cjson.decode(run.out.text)
  note(lists, "enqueue", rates.enqueue_per_s)
  note(lists, "drain", rates.drain_per_s)
end

local function medians(lists)
  local median = {}
  for name, values in pairs(lists) do
    median[name] = statistics.median(values)
  end
  return median
end

local function report_host(report, scale, workers, median)
  local what = ("drain of %d jobs, workers %d"):format(scale.jobs, workers)
  report(what, median.drain, "/s", { target = ">= 120000", compare = "drain" })
  report(what .. ", CPU a job", median.cpu_us, "us")
  report(what .. ", host after it", median.host_kb, "kB")
  report(what .. ", worker after it", median.worker_kb, "kB")
end

local function report_store(report, store, one, all)
  report("the store alone, enqueue by 1000", store.enqueue, "/s")
  report("the store alone, drain", store.drain, "/s")
  report("enqueue as a part of the store's own", one.enqueue / store.enqueue, "")
  report("drain as a part of the store's own, workers 1", one.drain / store.drain, "",
    { target = ">= 0.6" })
  report(("drain as a part of the store's own, workers %d"):format(
    uv.available_parallelism()), all.drain / store.drain, "", { target = ">= 0.6" })
end

return function(report, scale)
  local one, all, store = {}, {}, {}
  local cores, has_probe = uv.available_parallelism(), uv.fs_stat(STORE_BENCH)
  for _ = 1, scale.runs do -- in turn, so that what else the machine does meets all alike
    run_host(one, scale.jobs, 1)
    run_host(all, scale.jobs, cores)
    if has_probe then
      run_store(store, scale.jobs)
    end
  end
  one, all, store = medians(one), medians(all), medians(store)
  report_host(report, scale, 1, one)
  report_host(report, scale, cores, all)
  report(("enqueue by 1000, connections %d"):format(CONNECTIONS), one.enqueue, "/s",
    { target = ">= 200000", compare = "bulk" })
  if has_probe then
    report_store(report, store, one, all)
  end
end
