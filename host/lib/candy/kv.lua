-- candy.kv: values by key, in the store.
--- Values by key, in the store: they outlive the worker, and all workers see the same.
---
--- What is written takes effect at once, so that a retry does it again.

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
  if type(key) ~= "string" or #key > KEY_MAX or not key:find("^%Z+$") then
    core.misuse(("%s: a key is a text of 1 to %d bytes without a NUL, not %s")
      :format(what, KEY_MAX, options.show(key)))
  end
end

local function ask(what, body)
  check_key(what, body.key)
  return wait.request(what, "kv", body)
end

local function conflict(key, version)
  return errors.new({
    code = "version_conflict",
    message = ('the value of "%s" has changed meanwhile: it is not at version %s')
      :format(key, tostring(version)),
  })
end

---@class candy.KvSetOptions
---@field expires candy.Duration?  how long the value stays; for ever by default
---@field if_version integer?  write only when it is at this version; 0: only when there
---  is none yet

---@class candy.KvAddOptions
---@field expires candy.Duration?  from when there is none yet

---@class candy.KvDeleteOptions
---@field if_version integer?  delete only when it is at this version

---@class candy.KvListOptions
---@field limit integer?  1 to 1000; 100 by default
---@field after string?  only keys behind this one

---@class candy.KvItem
---@field key string
---@field value any
---@field version integer

local kv = {}

--- Reads a value.
---@param key string  1 to 500 bytes
---@return any value, integer|candy.Error|nil version  nil when there is none; nil, err
---  when it cannot be read
function kv.get(key)
  local answer, err = ask("candy.kv.get", { verb = "get", key = key })
  if not answer then
    return nil, err
  elseif not answer.found then
    return nil
  end
  return answer.value, answer.version
end

--- Writes a value. With if_version it is compare-and-set: of several jobs that read the
--- same version and write, one succeeds and the others get `version_conflict`. Errors:
--- `version_conflict`, `kv_too_large` (more than 1 MB as JSON).
---@param key string  1 to 500 bytes
---@param value any  what JSON can hold
---@param opts candy.KvSetOptions?
---@return integer? version, candy.Error? err
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
    return nil, conflict(key, read.if_version)
  end
  return answer.version
end

--- Adds to a number, which counts from 0 when there is none; what several jobs add at
--- the same time is added up. Exact up to 2^53. With expires, it counts within a window:
--- the time runs from the first that is added, and then it counts from 0 again. Error:
--- `kv_no_number` (there is something else under that key).
---@param key string  1 to 500 bytes
---@param by number?  1 by default
---@param opts candy.KvAddOptions?
---@return number? value, candy.Error? err  what it is now
function kv.add(key, by, opts)
  local what = "candy.kv.add"
  local read = options.read(what, opts, { expires = options.duration })
  if by == nil then
    by = 1
  end
  check_number(what, by)
  local answer, err = ask(what, {
    verb = "add", key = key, by = by, expires_ms = read.expires,
  })
  if not answer then
    return nil, err
  end
  return answer.value
end

--- Removes a value. Error: `version_conflict`.
---@param key string
---@param opts candy.KvDeleteOptions?
---@return boolean? was_there, candy.Error? err
function kv.delete(key, opts)
  local what = "candy.kv.delete"
  local read = options.read(what, opts, { if_version = options.integer(1, 2 ^ 53) })
  local answer, err = ask(what, {
    verb = "delete", key = key, if_version = read.if_version,
  })
  if not answer then
    return nil, err
  elseif not answer.found and answer.version > 0 then
    return nil, conflict(key, read.if_version)
  end
  return answer.found
end

--- Lists values whose keys begin with a prefix, in the order of their keys (byte by
--- byte). A page has as many as limit says, but less when they are large (about 4 MB).
---
---     local after
---     repeat
---       local items, following = candy.kv.list("user:", { after = after })
---       for _, item in ipairs(items) do print(item.key, item.value) end
---       after = following
---     until not after
---@param prefix string  "" for all
---@param opts candy.KvListOptions?
---@return candy.KvItem[]? items, string|candy.Error|nil following  then `after` of the
---  next page, or nil at the end; nil, err when they cannot be read
function kv.list(prefix, opts)
  local what = "candy.kv.list"
  local read = options.read(what, opts, {
    limit = options.integer(1, 1000), after = options.text,
  })
  if type(prefix) ~= "string" then
    core.misuse(("%s: a prefix is a text, not %s"):format(what, options.show(prefix)))
  end
  local answer, err = wait.request(what, "kv", {
    verb = "list", key = prefix, limit = read.limit or 100, after = read.after,
  })
  if not answer then
    return nil, err
  end
  local last = answer.more and answer.items[#answer.items]
  return answer.items, last and last.key or nil
end

return frozen.freeze(kv, "candy.kv")
