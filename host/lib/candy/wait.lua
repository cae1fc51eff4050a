-- Waiting: a job's coroutine yields to the worker's loop and goes on when there is an
-- answer. The yield passes through coroutines that the script made itself (thread.lua).
local core = require("candy.core")
local errors = require("candy.error")

local yield = coroutine.yield
local in_test = core.is_test()
local WAIT = {} -- what a coroutine yields when it waits; no script ever sees it

local wait = {
  WAIT = WAIT,
  pinned = setmetatable({}, { __mode = "k" }), -- coroutines that may only wait
}

--- Waits for what a function of candy.core has just noted, and returns what came of it.
function wait.await()
  yield(WAIT)
  return core.answer()
end

--- Waits for a time. In a test none passes: the host moves its clock on instead.
---@param ms number
function wait.sleep(ms)
  if in_test then
    wait.request("candy.sleep", "sleep", { ms = math.ceil(ms) })
  else
    core.sleep(ms)
    wait.await()
  end
end

-- Sends a request; returns an error value when it is too large for one.
local function send(name, verb, body)
  local too_large = core.request(name, verb, body)
  while too_large == false do -- it is not its turn
    wait.await()
    too_large = core.request(name, verb, body)
  end
  return too_large and errors.new({ code = "too_large", message = too_large })
end

--- Asks the host for something durable.
---@param name string  of the public function, for errors: "candy.db.query"
---@param verb string
---@param body table|string  a table, or JSON text
---@return any value, table? err  what was answered, or nil and an error value
function wait.request(name, verb, body)
  if type(body) == "table" then
    local text, problem = core.encode(body)
    if not text then
      core.misuse(name .. ": " .. problem)
    end
    body = text
  end
  local err = send(name, verb, body)
  if err then
    return nil, err
  end
  local ok, value = wait.await()
  if ok then
    return value
  end
  return nil, errors.new(value)
end

--- Asks the host to enqueue jobs.
---@param name string  of the public function, for errors
---@param jobs string  as core.new_job puts them, one behind the other
---@return string[]? ids, table? err, table<integer, boolean>? duplicates
function wait.enqueue(name, jobs)
  local err = send(name, "enqueue", jobs)
  if err then
    return nil, err
  end
  yield(WAIT)
  local ok, ids, duplicates = core.pushed()
  if ok then
    return ids, nil, duplicates
  end
  return nil, errors.new(ids)
end

return wait
