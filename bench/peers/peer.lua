-- One peer: its processes, and what is asked of them. peer.js and sidekiq.rb tell the
-- roles and what each prints.
local uv = require("luv")
local cjson = require("cjson")
local candy = require("spec.support.candy")
local poll = require("spec.support.poll")

local PATIENCE = 60 -- seconds for a worker to be ready, or to end
local NODE_MODULES = "bench/peers/node_modules"

local peer = {}
local workers = {}

---@class bench.Peer
---@field name string
---@field server string  a kind of bench/peers/servers.lua
---@field runtime "node"|"sidekiq"
---@field file string?  in bench/peers, without .js
---@field durable boolean  what it has acknowledged survives a loss of power
---@field part number?  of the jobs of a drain that it gets; 1 unless each of them costs
---  syncs of the disk of its own, so that all of them would take many minutes
---@field about string  its settings and durability, for the reader of the figures

---@type bench.Peer[]
peer.all = {
  { name = "graphile-worker", server = "postgresql", runtime = "node",
    file = "graphile-worker", durable = true,
    about = "0.18, local queue 500, batched; keeps no results; PostgreSQL, synchronous" },
  { name = "pg-boss", server = "postgresql", runtime = "node", file = "pg-boss",
    durable = true,
    about = "12, batches of 1000, NOTIFY; keeps jobs; PostgreSQL, synchronous" },
  { name = "BullMQ", server = "redis", runtime = "node", file = "bullmq", durable = false,
    about = "6, 300 at a time; keeps results; Redis everysec can lose a second" },
  { name = "Sidekiq", server = "redis", runtime = "sidekiq", durable = false,
    about = "6.4, 10 threads; a job is off the queue before it runs: a kill loses it" },
  { name = "beanstalkd", server = "beanstalkd", runtime = "node", file = "beanstalkd",
    durable = false,
    about = "1.12, 4 connections, 100 each; fsync every 50 ms: can lose those" },
  { name = "beanstalkd -f0", server = "beanstalkd_each", runtime = "node",
    file = "beanstalkd", durable = true, part = 0.05,
    about = "the same, fsync at each write" },
}

--- Why it cannot be measured here, or nil.
---@param one bench.Peer
---@param has_server boolean
function peer.why_not(one, has_server)
  if not has_server then
    return "its server is not installed"
  elseif one.runtime == "sidekiq" then
    return os.execute("command -v sidekiq >/dev/null") ~= 0 and "it is not installed"
      or nil
  elseif one.file ~= "beanstalkd" and not uv.fs_stat(NODE_MODULES .. "/" .. one.file) then
    return "its npm package is not installed"
  end
end

-- The program and its arguments for a role.
local function command(one, url, role, args)
  local words = { "--pdeathsig", "TERM" }
  local function add(...)
    for _, word in ipairs({ ... }) do
      words[#words + 1] = tostring(word)
    end
  end
  if one.runtime == "node" then
    add(candy.node(), "bench/peers/peer.js", one.file, url, role)
  elseif role == "worker" then
    add("sidekiq", "-r", "./bench/peers/sidekiq.rb", "-c", "10", "-e", "production")
  else
    add("ruby", "bench/peers/sidekiq.rb", role)
  end
  add(unpack(args))
  return words
end

local function spawn(one, url, role, args)
  return candy.spawn("setpriv", command(one, url, role, args),
    { env = { CANDY_BENCH_URL = url } })
end

-- The documents that a process has printed so far, as one table; Sidekiq itself says
-- other things in between.
local function said(run)
  local all = {}
  for line in run.out.text:gmatch('(%{"[^\n]*)\n') do
    for name, value in pairs(cjson.decode(line)) do
      all[name] = value
    end
  end
  return all
end

--- Starts a role that has an end; returns a function that waits for it, and returns what
--- was said.
---@param one bench.Peer
function peer.start(one, url, role, ...)
  local run = spawn(one, url, role, { ... })
  return function()
    poll.wait_for(function()
      return run.code and run.out.ended
    end, 10 * PATIENCE, one.name .. ": " .. role)
    assert(run.code == 0, one.name .. ": " .. role .. ": " .. run.err.text)
    return said(run)
  end
end

--- Does a role to its end; returns what it said.
---@param one bench.Peer
function peer.ask(one, url, role, ...)
  return peer.start(one, url, role, ...)()
end

--- Starts a worker.
---@param one bench.Peer
function peer.start_worker(one, url)
  local run = spawn(one, url, "worker", {})
  workers[#workers + 1] = run
  return run
end

--- Waits until a worker is ready; returns when it was.
function peer.wait_ready(run)
  return poll.wait_for(function()
    assert(not run.code, "a worker ended: " .. run.err.text)
    return said(run).ready
  end, PATIENCE, "a worker to be ready")
end

--- Ends a worker; returns what it said.
function peer.stop_worker(run)
  uv.kill(run.pid, "sigterm")
  poll.wait_for(function()
    return run.code and run.out.ended
  end, PATIENCE, "the end of a worker; it said: " .. run.err.text)
  return said(run)
end

--- Ends all workers that still run, after a failure.
function peer.stop_all()
  for _, run in ipairs(workers) do
    if not run.code then
      uv.kill(run.pid, "sigkill")
    end
  end
  workers = {}
end

return peer
