-- The coroutine library as scripts see it.
--
-- A candy function that waits inside a coroutine which the script made yields WAIT to
-- whoever resumed that coroutine; `resume` passes it on outwards until it reaches the
-- worker's loop, and on the way back in resumes the same coroutines again. So scripts
-- never see a wait as a yield of their own.
local core = require("candy.core")
local frozen = require("candy.frozen")
local wait = require("candy.wait")

local WAIT, pinned = wait.WAIT, wait.pinned
local create, running, status = coroutine.create, coroutine.running, coroutine.status
local resume, yield = coroutine.resume, coroutine.yield

local made = setmetatable({}, { __mode = "k" }) -- by scripts, not by the worker
local waiting = setmetatable({}, { __mode = "k" })
local thread = {}

local function relay(co, ok, first, ...)
  if ok and first == WAIT then
    waiting[co] = true
    yield(WAIT)
    waiting[co] = nil
    return relay(co, resume(co))
  end
  return ok, first, ...
end

function thread.create(fn)
  local co = create(fn)
  made[co] = true
  return co
end

function thread.resume(co, ...)
  if type(co) == "thread" and not made[co] then
    return false, "cannot resume a coroutine that the script did not make"
  end
  if waiting[co] then
    return false, "cannot resume a coroutine that waits"
  end
  return relay(co, resume(co, ...))
end

local function unwrap(ok, ...)
  if not ok then
    error((...), 0)
  end
  return ...
end

function thread.wrap(fn)
  local co = thread.create(fn)
  return function(...)
    return unwrap(thread.resume(co, ...))
  end
end

function thread.yield(...)
  if not made[running() or false] then
    core.misuse("coroutine.yield: not inside of a coroutine that the script made")
  elseif pinned[running()] then
    core.misuse("coroutine.yield: the function of candy.db.tx must come to its end first")
  end
  return yield(...)
end

function thread.status(co)
  return waiting[co] and "normal" or status(co)
end

thread.running = running
thread.isyieldable = coroutine.isyieldable

return frozen.freeze(thread, "coroutine")
