-- candy.spawn, candy.all, candy.timeout: several things at once within one job. Each runs
-- in a fiber of its own; while one waits, the others go on. Fibers end with their job at
-- the latest, and are cancelled together with the fiber that spawned them.
--- # Several things at once
---
--- Within one job: each function runs in a fiber of its own, and while one waits, the
--- others go on. Fibers end with their job at the latest.
---
--- ```lua
--- -- scripts/both.lua
--- local candy = require("candy")
---
--- candy.task("both", function()
---   return candy.all({
---     function()
---       candy.sleep("20ms")
---       return "slow"
---     end,
---     function() return "fast" end,
---   })
--- end)
--- ```
---
--- ```console
--- $ candy enqueue both --wait
--- ["slow","fast"]
--- ```

local core = require("candy.core")
local errors = require("candy.error")
local frozen = require("candy.frozen")
local options = require("candy.options")
local wait = require("candy.wait")

local ALL_MAX = 10000 -- functions that candy.all runs at once

local ALL_OPTIONS = { concurrency = options.integer(1, ALL_MAX) }

local fiber = {}

local function pack(...)
  return { n = select("#", ...), ... }
end

local function check_function(what, place, fn)
  if type(fn) ~= "function" then
    core.misuse(("%s: %s must be a function, not %s"):format(what, place,
      options.show(fn)))
  end
end

local function too_many(what)
  core.misuse(what .. ": a job has at most 16384 functions that run at a time, and a "
    .. "worker 65536; wait for some of them first (candy.all has the option concurrency)")
end

-- One strand: a function in a fiber of its own --

--- What candy.spawn returns.
---@class candy.Fiber
local methods = {}
local strand_of = setmetatable({}, { __mode = "k" }) -- by handle

local function own(what, handle)
  local strand = strand_of[handle or 0]
  if not strand then
    core.misuse(what .. " is called with a colon, on what candy.spawn returned")
  end
  return strand
end

local function check_home(what, strand)
  if not strand.ended and strand.home ~= core.strands() then
    core.misuse(what .. ": the function belongs to another job")
  end
end

local function finish(strand, ok, ...)
  strand.ended, strand.ok, strand.results = true, ok, pack(...)
  strand.cancelled = strand.cancelled or core.cancelled()
  if not ok and not strand.cancelled then
    strand.home[strand] = true -- until somebody has seen it
  end
  for number in pairs(strand.waiting) do
    core.wake(number)
  end
end

local function launch(what, fn, ...)
  local strand, args = { waiting = {} }, pack(...)
  core.self(what)
  strand.home = core.strands(true)
  strand.number = core.spawn(function()
    finish(strand, pcall(fn, unpack(args, 1, args.n)))
  end)
  return strand.number and strand or too_many(what)
end

-- What the strand returned; what it raised is raised here.
local function outcome(strand)
  strand.home[strand] = nil
  if strand.cancelled then
    return nil, errors.new({ code = "cancelled", message = "the function was cancelled" })
  elseif not strand.ok then
    error(strand.results[1], 0)
  end
  return unpack(strand.results, 1, strand.results.n)
end

local function cancel(strand)
  if not strand.ended then
    strand.ended, strand.cancelled = true, true
    core.cancel(strand.number)
    for number in pairs(strand.waiting) do
      core.wake(number)
    end
  end
end

-- Waits until the strand has ended, or until `ms` are over; tells which. A fiber that is
-- cancelled may be gone without a word.
local function await(what, strand, ms)
  local me, until_ms = core.self(what), ms and core.clock() + ms
  check_home(what, strand)
  strand.waiting[me] = true
  while not strand.ended do
    local left = until_ms and until_ms - core.clock() or -1
    if until_ms and left <= 0 then
      break
    elseif not core.lives(strand.number) then
      strand.ended, strand.cancelled = true, true
    else
      core.park(what, left, strand.number)
      wait.await()
    end
  end
  strand.waiting[me] = nil
  return strand.ended
end

--- Waits until the function has ended.
---@return any ...  what it returned; nil, err with code `cancelled` when it was
---  cancelled. What it raised is raised again
function methods.wait(handle)
  local strand = own("handle:wait", handle)
  await("handle:wait", strand)
  return outcome(strand)
end

-- Whether the function of a handle has ended, or does within `ms`; without `ms` it is
-- waited for.
function fiber.has_ended(handle, ms)
  return await("handle:wait", own("handle:wait", handle), ms)
end

--- Cancels the function: what it waits for is given up, and its wait raises; when it has
--- not begun, it never does. What it spawned is cancelled too.
function methods.cancel(handle)
  local strand = own("handle:cancel", handle)
  check_home("handle:cancel", strand)
  cancel(strand)
end

--- Tells whether the function has ended.
---@return boolean
function methods.done(handle)
  return own("handle:done", handle).ended == true
end

--- Runs a function beside the one that goes on. A job ends when all that it spawned has
--- ended; a failure cancels the rest. An error that a function raises, and that nobody
--- waited for, fails the job.
---@param fn function
---@param ... any  its arguments
---@return candy.Fiber fiber  a handle
function fiber.spawn(fn, ...)
  check_function("candy.spawn", "the first argument", fn)
  local handle = frozen.freeze(methods, "a handle of candy.spawn")
  strand_of[handle] = launch("candy.spawn", fn, ...)
  return handle
end

--- Runs a function for a time at most.
---@param duration candy.Duration
---@param fn function
---@param ... any  its arguments
---@return any ...  what it returned; nil, err with code `timeout` when it took longer:
---  then it is cancelled
function fiber.timeout(duration, fn, ...)
  local what = "candy.timeout"
  local ms, expected = options.duration(duration)
  if not ms then
    core.misuse(("%s: the first argument must be %s, not %s")
      :format(what, expected, options.show(duration)))
  end
  check_function(what, "the second argument", fn)
  local strand = launch(what, fn, ...)
  if await(what, strand, ms) then
    return outcome(strand)
  end
  cancel(strand)
  return nil, errors.new({
    code = "timeout",
    message = ("candy.timeout: the function took longer than %s"):format(
      type(duration) == "number" and duration .. "s" or duration),
  })
end

-- Many at once --

local function keys_of(fns)
  local keys, numbers = {}, true
  for key, fn in pairs(fns) do
    check_function("candy.all", ("the value of %s"):format(options.show(key)), fn)
    keys[#keys + 1] = key
    numbers = numbers and type(key) == "number"
  end
  if numbers then -- a list is begun in its order
    table.sort(keys)
  end
  return keys
end

local function take_result(group, key, ok, value, err)
  if ok and (value ~= nil or err == nil) then
    group.results[key] = value
  elseif not group.failed then -- what fails later was ended by this
    group.failed, group.raised = true, not ok
    group.err = ok and err or value
  end
end

-- Takes one function after the other until there is none left, or one fails.
local function work_off(group)
  while group.next <= #group.keys and not group.failed do
    local key = group.keys[group.next]
    group.next = group.next + 1
    take_result(group, key, pcall(group.fns[key]))
  end
  group.running = group.running - 1
  if group.running == 0 or group.failed then
    core.wake(group.parent)
  end
end

local function cancel_all(numbers)
  for _, number in ipairs(numbers) do
    core.cancel(number)
  end
end

local function start_all(what, group)
  local numbers = {}
  for i = 1, group.running do
    numbers[i] = core.spawn(function() work_off(group) end)
    if not numbers[i] then
      cancel_all(numbers)
      too_many(what)
    end
  end
  return numbers
end

---@class candy.AllOptions
---@field concurrency integer?  how many run at a time; all of them by default, at most
---  10,000

--- Runs functions at the same time and waits for all of them. The first one that fails
--- (returns nil, err, or raises) ends the others.
---@param fns table<any, function>  a list, or a table by names
---@param opts candy.AllOptions?
---@return table? results, any err  the first value that each function returned, under the
---  function's key; what one raised is raised again
function fiber.all(fns, opts)
  local what = "candy.all"
  local read = options.read(what, opts, ALL_OPTIONS)
  if type(fns) ~= "table" then
    core.misuse(("%s: the first argument must be a table of functions, not %s")
      :format(what, options.show(fns)))
  end
  local group = { fns = fns, keys = keys_of(fns), next = 1, results = {} }
  group.parent = core.self(what)
  group.running = math.min(#group.keys, read.concurrency or ALL_MAX)
  local numbers = start_all(what, group)
  while group.running > 0 and not group.failed do
    core.park(what, -1)
    wait.await()
  end
  if not group.failed then
    return group.results
  end
  cancel_all(numbers)
  if group.raised then
    error(group.err, 0)
  end
  return nil, group.err
end

-- The end of a job --

local function raise_unseen()
  local first
  for strand in pairs(core.strands() or {}) do
    if not first or strand.number < first.number then
      first = strand
    end
  end
  if first then
    error(first.results[1], 0)
  end
end

--- Passes on what a task returned once all that it spawned has ended; at once when it
--- failed.
function fiber.settle(...)
  local value, err = ...
  if value == nil and err ~= nil then
    return ...
  end
  while core.join() do
    wait.await()
  end
  raise_unseen()
  return ...
end

return fiber
