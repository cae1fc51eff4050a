-- candy.lock: one holder at a time, over all workers. A lock is a value of the store with
-- an expiry; its version is the fencing token. It is renewed while its function runs, and
-- when its holder dies it is free again once its time is up.
--- One holder at a time, over all workers.
---
--- ```lua
--- -- scripts/ledger.lua
--- local candy = require("candy")
---
--- candy.task("book", { payload = { account = "string" } }, function(job)
---   return candy.lock("ledger/" .. job.payload.account, { wait = "2s" }, function(lock)
---     return { token = lock.token }
---   end)
--- end)
--- ```

local core = require("candy.core")
local errors = require("candy.error")
local fiber = require("candy.fiber")
local options = require("candy.options")
local wait = require("candy.wait")

local WHAT = "candy.lock"
local WAIT_MS, TTL_MS, TTL_LEAST_MS = 10000, 30000, 300
local PAUSE_MS, PAUSE_MAX_MS = 20, 500

local function ttl(value)
  local ms, expected = options.duration(value)
  if ms and ms >= TTL_LEAST_MS then
    return ms
  end
  return nil, expected or 'at least "300ms"'
end

---@class candy.LockOptions
---@field wait candy.Duration?  how long to wait for it; "10s" by default, 0: not at all
---@field ttl candy.Duration?  after how long it is free again when its holder dies; "30s"
---  by default

---@class candy.HeldLock
---@field name string
---@field token integer  grows with each holder: what a lock guards can refuse a smaller
---  one than it has seen

local OPTIONS = { wait = options.duration, ttl = ttl }

-- What the host is asked for: to take the lock (version 0), to renew or to give it back.
local function body_of(lock, verb, version)
  return {
    verb = verb, lock = true, key = lock.name, value = "true", if_version = version,
    expires_ms = verb == "set" and lock.ttl or nil,
  }
end

-- Keeps what was answered: until when it is held at least, and how it is given back,
-- which the job's end does at the latest.
local function note(lock, version, asked_ms)
  lock.version, lock.until_ms = version, asked_ms + lock.ttl
  local body = assert(core.encode(body_of(lock, "delete", version)))
  if lock.promise then
    core.promise_change(lock.promise, body)
  else
    lock.promise = core.promise("kv", body)
  end
end

-- Whether it is held now; nil, err when the store could not tell.
local function set(lock, version)
  local asked_ms = core.clock()
  local answer, err = wait.request(WHAT, "kv", body_of(lock, "set", version))
  if not answer then
    return nil, err
  end
  if answer.found then
    note(lock, answer.version, asked_ms)
  end
  return answer.found
end

local function shown(ms)
  return ms < 1000 and ms .. "ms" or ms / 1000 .. "s"
end

local function take(lock, patience)
  local until_ms, pause = core.clock() + patience, PAUSE_MS
  while true do
    local held, err = set(lock, 0)
    local left = until_ms - core.clock()
    if held or held == nil then
      return held, err
    elseif left <= 0 then
      return nil, errors.new({
        code = "locked",
        message = ('candy.lock: "%s" is held by another one, and was not free within %s')
          :format(lock.name, shown(patience)),
      })
    end
    core.sleep(math.min(left, pause * (0.5 + math.random())))
    wait.await()
    pause = math.min(pause * 2, PAUSE_MAX_MS)
  end
end

local function left_of(lock)
  return math.max(0, lock.until_ms - core.clock())
end

-- A store that cannot tell is asked again; what it has not confirmed in time is lost.
local function renew(lock, held)
  local kept = true
  while kept ~= false and left_of(lock) > 0 do
    core.sleep(math.min(left_of(lock), lock.ttl / 3))
    wait.await()
    kept = fiber.timeout(left_of(lock) / 1000, set, lock, lock.version)
  end
  lock.lost = true
  held:cancel()
end

local function pack(...)
  return { n = select("#", ...), ... }
end

local function hold(lock, fn)
  local held = fiber.spawn(fn, { name = lock.name, token = lock.version })
  local renewing = fiber.spawn(renew, lock, held)
  local results = pack(pcall(held.wait, held))
  held:cancel()
  renewing:cancel()
  core.promise_keep(lock.promise)
  if lock.lost then
    return nil, errors.new({
      code = "lock_lost",
      message = ('candy.lock: "%s" could not be renewed in time, and another one may '
        .. "hold it now: its function was cancelled"):format(lock.name),
    })
  elseif not results[1] then
    error(results[2], 0)
  end
  return unpack(results, 2, results.n)
end

--- Runs a function while nobody else holds the lock of that name, in any worker.
---@param name string  1 to 200 bytes
---@param opts candy.LockOptions  may be left out
---@param fn fun(lock: candy.HeldLock): any
---@return any ...  what the function returned; nil, err with code `locked` when the lock
---  was not free in time, or `lock_lost` when it could not be renewed
---@overload fun(name: string, fn: fun(lock: candy.HeldLock): any): any
return function(name, opts, fn)
  if fn == nil then
    opts, fn = nil, opts
  end
  if not options.label(name) then
    core.misuse(("candy.lock: a name is a text of 1 to 200 bytes without a NUL, not %s")
      :format(options.show(name)))
  elseif type(fn) ~= "function" then
    core.misuse(("candy.lock: the last argument must be a function, not %s")
      :format(options.show(fn)))
  end
  local read = options.read(WHAT, opts, OPTIONS)
  local lock = { name = name, ttl = read.ttl or TTL_MS }
  local held, err = take(lock, read.wait or WAIT_MS)
  if not held then
    return nil, err
  end
  return hold(lock, fn)
end
