-- candy.kv: values by key, in the store.
local core = require("candy.core")
local errors = require("candy.error")
local frozen = require("candy.frozen")
local options = require("candy.options")
local wait = require("candy.wait")

local KEY_MAX = 500

local SET_OPTIONS = {
  expires = options.duration,
  if_version = options.integer(0, 2 ^ 53),
}

-- What is added is a double on its way to the store.
local function check_number(what, by)
  local digits = core.digits(by)
  if digits then
    core.misuse(("%s: %s is beyond 2^53 (9007199254740992), up to which numbers are "
      .. "added exactly; keep such numbers in a table of candy.schema")
      :format(what, digits))
  elseif type(by) ~= "number" then
    core.misuse(("%s: the second argument must be a number, not %s")
      :format(what, options.show(by)))
  end
end

local function check_key(what, key)
  if type(key) ~= "string" or key == "" or #key > KEY_MAX then
    core.misuse(("%s: a key is a text of 1 to %d bytes, not %s")
      :format(what, KEY_MAX, options.show(key)))
  end
end

local function ask(what, body)
  check_key(what, body.key)
  return wait.request(what, "kv", body)
end

local kv = {}

--- Reads a value.
---@param key string
---@return any value, number|table|nil version  nil when there is none; nil, err when it
---  cannot be read
function kv.get(key)
  local answer, err = ask("candy.kv.get", { verb = "get", key = key })
  if not answer then
    return nil, err
  elseif not answer.found then
    return nil
  end
  return answer.value, answer.version
end

--- Writes a value.
---@param key string
---@param value any  what JSON can hold
---@param opts table?  expires (duration), if_version (0: only when there is none yet)
---@return number? version, table? err
function kv.set(key, value, opts)
  local what = "candy.kv.set"
  local read = options.read(what, opts, SET_OPTIONS)
  local text, problem = core.encode(value)
  if not text then
    core.misuse(("%s: the value cannot be kept as JSON: %s"):format(what, problem))
  end
  local answer, err = ask(what, {
    verb = "set", key = key, value = text,
    expires_ms = read.expires, if_version = read.if_version,
  })
  if not answer then
    return nil, err
  elseif not answer.found then
    return nil, errors.new({
      code = "version_conflict",
      message = ('the value of "%s" has changed meanwhile: it is not at version %s')
        :format(key, tostring(read.if_version)),
    })
  end
  return answer.version
end

--- Adds to a number, which counts from 0 when there is none; what several jobs add at
--- the same time is added up. Exact up to 2^53.
---@param key string
---@param by number?  1 by default
---@return number? value, table? err
function kv.add(key, by)
  local what = "candy.kv.add"
  if by == nil then
    by = 1
  end
  check_number(what, by)
  local answer, err = ask(what, { verb = "add", key = key, by = by })
  if not answer then
    return nil, err
  end
  return answer.value
end

--- Removes a value.
---@param key string
---@return boolean? was_there, table? err
function kv.delete(key)
  local answer, err = ask("candy.kv.delete", { verb = "delete", key = key })
  if not answer then
    return nil, err
  end
  return answer.found
end

--- Lists values whose keys begin with a prefix, in the order of their keys.
---@param prefix string
---@param opts table?  limit (1 to 1000, 100 by default)
---@return table[]? items, table? err  each { key, value, version }
function kv.list(prefix, opts)
  local what = "candy.kv.list"
  local read = options.read(what, opts, { limit = options.integer(1, 1000) })
  if type(prefix) ~= "string" then
    core.misuse(("%s: a prefix is a text, not %s"):format(what, options.show(prefix)))
  end
  local answer, err = wait.request(what, "kv", {
    verb = "list", key = prefix, limit = read.limit or 100,
  })
  return answer and answer.items, err
end

return frozen.freeze(kv, "candy.kv")
