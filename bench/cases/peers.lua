-- The queues that a user would choose in place of Candy, each on a private server, with
-- its best settings and with handlers in its real worker processes; and how far ahead
-- Candy is, by what other cases of the same run have reported.
local uv = require("luv")
local machine = require("bench.machine")
local peer = require("bench.peers.peer")
local servers = require("bench.peers.servers")
local statistics = require("bench.statistics")

local REST_MS = 1000

-- What is compared: the figures' `compare`, and which is better.
local COMPARED = {
  { key = "single_1", label = "enqueue singly, 1 client", unit = "/s" },
  { key = "single_64", label = "enqueue singly, 64 clients", unit = "/s" },
  { key = "bulk", label = "enqueue by 1000", unit = "/s" },
  { key = "drain", label = "drain", unit = "/s" },
  { key = "p50", label = "calm latency, p50", unit = "ms", less = true },
  { key = "p99", label = "calm latency, p99", unit = "ms", less = true },
  { key = "memory", label = "worker and server at rest", unit = "kB", less = true },
  { key = "start", label = "start to ready", unit = "ms", less = true },
}

-- ---- one peer ----

local function with_server(one, act, ...)
  local server = servers.start(one.server)
  peer.ask(one, server.url, "setup", ...)
  local result = act(server)
  server:stop()
  return result
end

local function singles(one, scale, into)
  with_server(one, function(server)
    for _, clients in ipairs({ 1, 64 }) do
      into["single_" .. clients] =
        peer.ask(one, server.url, "single", clients, scale.single_s).per_s
    end
  end)
end

-- From the first job that began to when the queue was seen to be empty. Returns jobs a
-- second, drained and enqueued.
local function drain_once(one, jobs, workers)
  return unpack(with_server(one, function(server)
    local bulk = peer.ask(one, server.url, "bulk", jobs).per_s
    machine.sync(server.folder)
    local emptied, runs, first, ran = peer.start(one, server.url, "drained"), {}, nil, 0
    for i = 1, workers do
      runs[i] = peer.start_worker(one, server.url)
    end
    local empty = emptied().at
    for _, run in ipairs(runs) do
      peer.wait_ready(run)
      local saw = peer.stop_worker(run)
      ran = ran + saw.ran
      first = math.min(first or math.huge, saw.first or math.huge)
    end
    assert(ran == jobs, ("%s: %d of %d jobs ran"):format(one.name, ran, jobs))
    return { jobs / ((empty - first) / 1e9), bulk }
  end))
end

-- Some peers are faster with one worker process, others with one a core.
local function drains(one, scale, into)
  local bulk, best = {}, 0
  local jobs = scale.jobs * (one.part or 1)
  for _, workers in ipairs({ 1, uv.available_parallelism() }) do
    local rates = {}
    for i = 1, scale.runs do
      rates[i], bulk[#bulk + 1] = drain_once(one, jobs, workers)
    end
    best = math.max(best, statistics.median(rates))
  end
  into.drain, into.bulk = best, statistics.median(bulk)
end

local function server_kb(server)
  local total = machine.memory(server.run.pid).pss
  for _, pid in ipairs(machine.descendants(server.run.pid)) do
    total = total + machine.memory(pid).pss
  end
  return total
end

local function calm(one, scale, into)
  with_server(one, function(server)
    local began = uv.hrtime()
    local run = peer.start_worker(one, server.url)
    into.start = (peer.wait_ready(run) - began) / 1e6
    uv.sleep(REST_MS)
    into.worker = machine.memory(run.pid).rss
    into.server = server_kb(server)
    into.memory = into.worker + into.server
    peer.ask(one, server.url, "beat", scale.beats)
    peer.ask(one, server.url, "drained")
    local delays = peer.stop_worker(run).delays
    assert(#delays == scale.beats, one.name .. ": not all jobs of the beat ran")
    into.p50 = statistics.median(delays) / 1e6
    into.p99 = statistics.quantile(delays, 0.99) / 1e6
  end, "calm")
end

local function measure(one, scale)
  local into = {}
  singles(one, scale, into)
  drains(one, scale, into)
  calm(one, scale, into)
  return into
end

local function report_one(report, one, found)
  local function tell(what, value, unit)
    report(one.name .. ": " .. what, value, unit, { about = one.about })
  end
  for _, what in ipairs(COMPARED) do
    tell(what.label, found[what.key], what.unit)
  end
  tell("worker at rest", found.worker, "kB")
  tell("server at rest", found.server, "kB")
end

-- ---- all of them ----

-- The best of the peers that a filter takes, or nil.
local function best_of(found, what, takes)
  local best, who
  for _, one in ipairs(peer.all) do
    local value = found[one] and takes(one) and found[one][what.key]
    if value and (not best or (value < best) == (what.less or false)) then
      best, who = value, one.name
    end
  end
  return best, who
end

-- Candy's own, by what it is compared as: the best where there are several.
local function own(figures)
  local ours = {}
  for _, what in ipairs(COMPARED) do
    for _, figure in ipairs(figures) do
      local best, value = ours[what.key], figure.value
      if figure.compare == what.key
          and (not best or (value < best) == (what.less or false)) then
        ours[what.key] = value
      end
    end
  end
  return ours
end

local function compare(report, found, figures)
  local ours = own(figures)
  local function tell(what, which, takes)
    local best, who = best_of(found, what, takes)
    if best and ours[what.key] then
      report(("%s: ahead of %s (%s)"):format(what.label, who, which),
        what.less and best / ours[what.key] or ours[what.key] / best, "times")
    end
  end
  for _, what in ipairs(COMPARED) do
    tell(what, "best", function() return true end)
    tell(what, "best durable", function(one) return one.durable end)
  end
end

local function show(value)
  return (not value and "-") or (value < 1000 and "%.2f" or "%.0f"):format(value)
end

-- All of it once more, a peer a column.
local function print_table(found, figures)
  local ours = own(figures)
  local head = ("%-31s %10s"):format("", "Candy")
  for _, one in ipairs(peer.all) do
    head = head .. (found[one] and (" %15s"):format(one.name) or "")
  end
  print("\n" .. head)
  for _, what in ipairs(COMPARED) do
    local line = ("%-28s %2s %10s"):format(what.label, what.unit, show(ours[what.key]))
    for _, one in ipairs(peer.all) do
      line = line .. (found[one] and (" %15s"):format(show(found[one][what.key])) or "")
    end
    print(line)
  end
  print("")
end

-- What is wrong with one of them keeps none of the others from being measured.
local function try(one, scale)
  local why = peer.why_not(one, servers.has(one.server))
  if why then
    return nil, why
  end
  local ok, found = pcall(measure, one, scale)
  peer.stop_all()
  servers.stop_all()
  return ok and found or nil, not ok and found:match("[^\n]*") or nil
end

return function(report, scale, figures)
  local found = {}
  os.execute("tools/need peers")
  for _, one in ipairs(peer.all) do
    local why
    print(("\n%s: %s"):format(one.name, one.about))
    found[one], why = try(one, scale)
    if found[one] then
      report_one(report, one, found[one])
    else
      report(one.name, nil, "", { why = why, about = one.about })
    end
  end
  print_table(found, figures)
  compare(report, found, figures)
end
