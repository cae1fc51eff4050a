-- candy.lock: one holder at a time, over all workers. The lines of those who wait are the
-- host's; here are the wishes, the renewal while a function runs, and what is told when a
-- lease has ended all the same.
--- One holder at a time, over all workers. Those who want the same lock get it in the
--- order in which they came.
---
--- ```lua
--- -- scripts/ledger.lua
--- local candy = require("candy")
---
--- candy.task("book", { payload = { account = "string" } }, function(job)
---   return candy.lock.with("ledger/" .. job.payload.account, { wait = "2s" }, function()
---     return "booked"
---   end)
--- end)
--- ```
---
--- ```console
--- $ candy enqueue book '{"account":"7"}' --wait
--- "booked"
--- ```
---
--- `candy.lock(...)` itself is `candy.lock.with(...)`. A lock belongs to the job that
--- took it: it is free at the latest when the job ends, in whatever way, and what the job
--- wrote (`job:write`) is there by then. What a lock protects from, and what it does not,
--- tells [Locks](../../explanation/locks.md).

local core = require("candy.core")
local errors = require("candy.error")
local fiber = require("candy.fiber")
local frozen = require("candy.frozen")
local options = require("candy.options")
local wait = require("candy.wait")

local WAIT_MS, TTL_MS, TTL_LEAST_MS = 10000, 30000, 300
local RENEWALS = 3 -- in a lease

local function ttl(value)
  local ms, expected = options.duration(value)
  if ms and ms >= TTL_LEAST_MS then
    return ms
  end
  return nil, expected or 'at least "300ms"'
end

---@class candy.LockOptions
---@field wait candy.Duration?  how long to wait for it; "10s" by default, 0: not at all
---@field ttl candy.Duration?  how long the lease is, which is renewed while a function
---  runs; "30s" by default

local OPTIONS = { wait = options.duration, ttl = ttl }

--- A lock that was taken.
---@class candy.HeldLock
---@field name string
---@field token integer  grows with each holder: what a lock guards can refuse a smaller
---  one than it has seen
local methods = {}
local state_of = setmetatable({}, { __mode = "k" }) -- by handle
local last_number = 0

local function own(what, handle)
  local state = state_of[handle or 0]
  if not state then
    core.misuse(what .. " is called with a colon, on what candy.lock.acquire returned")
  end
  return state
end

local function left_of(state)
  return math.max(0, state.until_ms - core.clock())
end

local function lost(state)
  return nil, errors.new({
    code = "lock_lost",
    message = ('candy.lock: the lease of "%s" has ended, and another job may hold it now')
      :format(state.name),
  })
end

local function body_of(state, ms)
  return { number = state.number, name = state.name, wait_ms = state.wait, ttl_ms = ms }
end

-- The store says until when by its clock, which the worker's loop may read late; a clock
-- that was set back makes no lease longer.
local function note(state, answer, ms)
  local left = math.min(answer["until"] - core.now(), ms)
  state.ttl, state.until_ms = ms, core.clock() + left
end

-- Nobody waits for the answer: who gives it back may have been cancelled.
local function give_back(state)
  state.released = true
  core.tell("lock_leave", assert(core.encode(body_of(state))))
end

local function extend(state, ms)
  local answer, err = wait.request("lock:extend", "lock_extend", body_of(state, ms))
  if answer then
    note(state, answer, ms)
    return true
  elseif err.code == "lock_lost" then
    state.lost = true
    return lost(state)
  end
  return nil, err
end

--- Makes the lease longer: it counts from now. Where a function runs in candy.lock.with
--- that is done by itself. Errors: `lock_lost`, those of the store.
---@param duration candy.Duration?  the one that it was taken with by default
---@return boolean? ok, candy.Error? err
function methods.extend(handle, duration)
  local what = "lock:extend"
  local state = own(what, handle)
  local ms, expected = ttl(duration or state.ttl / 1000)
  if not ms then
    core.misuse(("%s: the argument must be %s, not %s")
      :format(what, expected, options.show(duration)))
  elseif state.released or state.lost then
    return lost(state)
  end
  return extend(state, ms)
end

--- Gives it back. A second time is no error; the end of the job gives back what is held.
--- Error: `lock_lost`, when the lease had ended before.
---@return boolean? ok, candy.Error? err
function methods.release(handle)
  local state = own("lock:release", handle)
  if state.released then
    return true
  end
  state.released = true
  local answer, err = wait.request("lock:release", "lock_leave", body_of(state))
  if answer then
    return true
  elseif err.code == "lock_lost" then
    state.lost = true
    return lost(state)
  end
  return nil, err
end

-- Taking --

local function handle_of(state)
  local handle = frozen.freeze(setmetatable({ name = state.name, token = state.token },
    { __index = methods }), "a lock")
  state_of[handle] = state
  return handle
end

local function check_name(what, name)
  if not options.label(name) then
    core.misuse(("%s: a name is a text of 1 to 200 bytes in UTF-8, without a NUL, not %s")
      :format(what, options.show(name)))
  end
end

-- A function of this job that has it may have been cancelled just now: it has given it
-- back by the second time.
local function ask(what, state, ms)
  local answer, err = wait.request(what, "lock_take", body_of(state, ms))
  if not answer and err.code == "lock_reentered" then
    answer, err = wait.request(what, "lock_take", body_of(state, ms))
  end
  return answer, err
end

-- A wait that is cancelled, or whose job has no time left, leaves the line.
local function take(what, name, opts)
  local read = options.read("candy.lock", opts, OPTIONS)
  core.self(what) -- raises where nothing can wait
  last_number = (last_number + 1) % 2 ^ 32
  local state = { name = name, number = last_number, wait = read.wait or WAIT_MS }
  local ms = read.ttl or TTL_MS
  local ok, answer, err = pcall(ask, what, state, ms)
  if not ok then
    give_back(state)
    error(answer, 0)
  elseif not answer then
    return nil, err
  end
  state.token = answer.token
  note(state, answer, ms)
  return state
end

local lock = {}

--- Takes the lock of that name, to be held until it is released or the job ends. The
--- lease is not renewed by itself: past its `ttl` somebody else may hold the lock, unless
--- it is extended. With `wait = 0` it is tried, without waiting. Errors: `locked` (not
--- free within `wait`), `lock_reentered` (this job has it already, or waits for it, in
--- another function too), `too_many_locks` (a job holds and waits for 100 at most),
--- `lock_crowded` (2,000 are in the line).
---
---     local lock, err = candy.lock.acquire("report", { wait = 0, ttl = "1h" })
---     if not lock then return nil, err end
---     make_report(lock.token)
---     lock:release()
---@param name string  1 to 200 bytes
---@param opts candy.LockOptions?
---@return candy.HeldLock? lock, candy.Error? err
function lock.acquire(name, opts)
  check_name("candy.lock.acquire", name)
  local state, err = take("candy.lock.acquire", name, opts)
  if not state then
    return nil, err
  end
  return handle_of(state)
end

-- With a function --

-- A store that cannot tell is asked again, as long as the lease lasts.
local function renew(state)
  fiber.timeout(left_of(state) / 1000, extend, state, state.ttl)
end

-- Waits for the end of the function and renews the lease meanwhile. A worker that stands
-- still renews nothing, and what it finds afterwards is that the lease has ended.
local function keep(state, running)
  while not fiber.has_ended(running, math.min(left_of(state), state.ttl / RENEWALS)) do
    if state.released then
      fiber.has_ended(running)
    else
      renew(state)
    end
    if not state.released and (state.lost or left_of(state) == 0) then
      state.lost = true
      running:cancel()
    end
  end
end

local function pack(...)
  return { n = select("#", ...), ... }
end

local function hold(state, fn)
  local running = fiber.spawn(fn, handle_of(state))
  local kept, problem = pcall(keep, state, running)
  if not state.released then
    give_back(state)
  end
  if not kept then
    error(problem, 0)
  end
  local results = pack(pcall(running.wait, running))
  if state.lost then
    return lost(state)
  elseif not results[1] then
    error(results[2], 0)
  end
  return unpack(results, 2, results.n)
end

--- Runs a function while nobody else holds the lock of that name, in any worker. The
--- lease is renewed while it runs. When the lease ends all the same (the worker stood
--- still for longer, or the store could not take the renewal), the function is cancelled.
--- Errors: those of candy.lock.acquire, `lock_lost`.
---@param name string  1 to 200 bytes
---@param opts candy.LockOptions  may be left out
---@param fn fun(lock: candy.HeldLock): any
---@return any ...  what the function returned, or nil, err; what it raised is raised
---  again
---@overload fun(name: string, fn: fun(lock: candy.HeldLock): any): any
function lock.with(name, opts, fn)
  if fn == nil then
    opts, fn = nil, opts
  end
  check_name("candy.lock", name)
  if type(fn) ~= "function" then
    core.misuse(("candy.lock: the last argument must be a function, not %s")
      :format(options.show(fn)))
  end
  local state, err = take("candy.lock", name, opts)
  if not state then
    return nil, err
  end
  return hold(state, fn)
end

return frozen.freeze(lock, "candy.lock", lock.with)
