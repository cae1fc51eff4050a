-- What tasks and enqueue options say of jobs that are the same: unique, debounce,
-- throttle and singleton, checked and put as the host reads it. What becomes of such jobs
-- is decided in the store.
local core = require("candy.core")
local options = require("candy.options")

local FIELDS_MAX, STATES_MAX = 20, 20
local STATES = {
  scheduled = true, available = true, running = true, retryable = true, pending = true,
  completed = true, cancelled = true, dead = true,
}
-- Throttled are those that ran or will: a job that was cancelled lets the next one pass.
local NOT_CANCELLED = core.array({
  "scheduled", "available", "running", "retryable", "pending", "completed", "dead",
})
local WAYS = { "unique", "debounce", "throttle", "singleton" }

local unique = {}

-- Readers of members --

local function fields(value)
  local names = options.list(value, FIELDS_MAX, options.label)
  if names and #names > 0 then
    return names
  end
  return nil, ("a list of 1 to %d fields of the payload"):format(FIELDS_MAX)
end

local function state(name)
  return STATES[name] and name
end

local function states(value)
  local names = options.list(value, STATES_MAX, state)
  if names and #names > 0 then
    return names
  end
  return nil, "a list of states of jobs, such as { \"available\", \"running\" }"
end

-- A table of these members; `first` must be among them, or stands alone as a duration.
local function duration_or(where, first, members)
  return function(value)
    if type(value) == "table" then
      local read = options.read(where, value, members)
      if not read[first] then
        core.misuse(("%s needs %s, such as { %s = \"10s\" }"):format(where, first, first))
      end
      return read
    end
    local ms, expected = options.time_limit(value)
    if not ms then
      return nil, expected
    end
    return { [first] = ms }
  end
end

-- Readers of options --

local MEMBERS = { fields = fields, states = states, window = options.time_limit }

--- Of a task: true, a list of fields, or { fields, states, window }.
function unique.of_task(value)
  if value == true then
    return {}
  elseif type(value) ~= "table" then
    return nil, "true, a list of fields, or { fields = ..., states = ..., window = ... }"
  elseif #value > 0 then
    local names, expected = fields(value)
    return names and { fields = names }, expected
  end
  return options.read("unique", value, MEMBERS)
end

--- Of one job: the same, or false.
function unique.of_job(value)
  if value == false then
    return false
  end
  local read, expected = unique.of_task(value)
  return read and core.object(read), expected and "false, " .. expected
end

unique.debounce = duration_or("debounce", "wait", {
  wait = options.time_limit, max_wait = options.time_limit, fields = fields,
})

unique.throttle = duration_or("throttle", "window", {
  window = options.time_limit, fields = fields,
})

local SINGLETONS = {
  skip = { mode = "keep" },
  queue = {},
  cancel_previous = { mode = "supersede" },
  cancel_queued = { mode = "supersede_queued" },
}

function unique.singleton(value)
  if SINGLETONS[value] then
    return value
  end
  return nil, '"skip", "queue", "cancel_previous" or "cancel_queued"'
end

-- From the options of a task to its rule --

local function rule_of_unique(given)
  return { mode = "keep", fields = given.fields or true, states = given.states,
    window = given.window }
end

local function rule_of_debounce(given, where)
  if given.max_wait and given.max_wait < given.wait then
    core.misuse(("debounce of %s: max_wait must be as long as wait at least")
      :format(where))
  end
  return { mode = "debounce", fields = given.fields, wait = given.wait,
    max_wait = given.max_wait }
end

local function rule_of_throttle(given)
  return { mode = "keep", fields = given.fields, states = NOT_CANCELLED,
    window = given.window }
end

local RULES = {
  unique = rule_of_unique,
  debounce = rule_of_debounce,
  throttle = rule_of_throttle,
  singleton = function(name) return SINGLETONS[name] end,
}

-- Each says what becomes of a second job, and there is one answer to that.
local function the_way(where, declaration)
  local way
  for _, name in ipairs(WAYS) do
    local counts = declaration[name] and declaration[name] ~= "queue"
    if counts and way then
      core.misuse(("%s has both %s and %s, and each says what becomes of a second job: "
        .. "leave one of them out"):format(where, way, name))
    elseif counts then
      way = name
    end
  end
  return way
end

-- Nothing would ever differ in a field that no payload can have.
local function check_fields(where, way, rule, schema)
  local closed = schema and schema.additionalProperties == false
    and not schema.patternProperties
  for _, name in ipairs(closed and type(rule.fields) == "table" and rule.fields or {}) do
    if not (schema.properties or {})[name] then
      core.misuse(('%s of %s names the field "%s", which its payload does not have')
        :format(way, where, name))
    end
  end
end

-- All but "skip", of which there is one in any case, run one at a time: those of a key,
-- and those without one.
local function settle_singleton(where, declaration)
  if not declaration.singleton or declaration.singleton == "skip" then
    return
  elseif declaration.key_concurrency then
    core.misuse(('%s has singleton = "%s", so one runs at a time: leave key_concurrency '
      .. "out"):format(where, declaration.singleton))
  end
  declaration.key_concurrency, declaration.keyless = 1, true
end

--- The rule that the options of a task make, as `rule` of its declaration.
---@param where string  for errors
---@param declaration table
function unique.settle(where, declaration)
  local way = the_way(where, declaration)
  settle_singleton(where, declaration)
  if not way then
    return
  end
  local rule = RULES[way](declaration[way], where)
  check_fields(where, way, rule, declaration.schema)
  declaration.rule = rule
end

return unique
