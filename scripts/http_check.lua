-- HTTP_CHECK: looks whether a page answers as it should, and tells when that changes.
--
--   candy enqueue HTTP_CHECK '{"url":"https://example.org/","status":200}' --wait
--
-- Each check is a row of http_checks, each change one of http_changes. The events
-- http_check.down and http_check.up are emitted once a change, however many checks run:
--
--   candy.on("http_check.down", function(job)
--     job.log.error("a page is down", job.payload.data)
--   end)
local candy = require("candy")

local DAY = 24 * 60 * 60 * 1000
local KEPT = 30 * DAY

candy.schema("http_check", {
  "create table http_checks (url text, at integer, ok integer, ms integer, reason text)",
  "create index http_checks_by_url on http_checks (url, at)",
  [[create table http_changes (
      url text, n integer, up integer, at integer, reason text, primary key (url, n))]],
})

-- What the user has to mend, and what this host could not do; anything else that fails is
-- a finding.
local USERS_FAULT = { bad_url = true, private_address = true }
local OUR_FAULT = { http_unavailable = true, too_many_requests = true }

-- Why the answer is not as it should be, or nil.
local function fault_of(res, wanted)
  if wanted.status and res.status ~= wanted.status then
    return ("the status is %d, not %d"):format(res.status, wanted.status)
  elseif not wanted.status and not res.ok then
    return ("the status is %d"):format(res.status)
  elseif wanted.contains and not res.body:find(wanted.contains, 1, true) then
    return ("the text %q is not there"):format(wanted.contains)
  end
end

-- The finding: ok, ms, status and reason; nil, err when the page could not be looked at.
local function check(wanted)
  local began = candy.time.now()
  local res, err = candy.http.get(wanted.url, {
    guard = true, -- the address comes from a user: it must not lead inside
    timeout = wanted.timeout or "10s",
  })
  if err and USERS_FAULT[err.code] then
    return nil, candy.permanent(err)
  elseif err and OUR_FAULT[err.code] then
    return nil, err
  end
  local reason = err and err.message or fault_of(res, wanted)
  return {
    ok = reason == nil, ms = candy.time.now() - began, status = res and res.status,
    reason = reason,
  }
end

local function last_change(url)
  local row, err = candy.db.one(
    "select n, up from http_changes where url = ? order by n desc limit 1", url)
  if err then
    return nil, err
  end
  return row or { n = 0, up = 1 }
end

-- Of two checks that see the same change at once only one can write its row: the other
-- one fails, is tried again and finds that nothing has changed.
local function note_change(job, url, last, finding)
  local now = candy.time.now()
  job:write("insert into http_changes (url, n, up, at, reason) values (?, ?, ?, ?, ?)",
    url, last.n + 1, finding.ok and 1 or 0, now, finding.reason)
  job:emit(finding.ok and "http_check.up" or "http_check.down", {
    url = url, at = now, status = finding.status, reason = finding.reason,
  })
end

candy.task("HTTP_CHECK", {
  description = "Looks whether a page answers as it should.",
  payload = {
    url = "string",
    status = "integer?", -- the one that is wanted; any of 200 to 299 without it
    contains = "string?", -- a text that must be in the answer
    timeout = "string?", -- "10s" without it
  },
  timeout = "1m",
}, function(job)
  local url = job.payload.url
  local finding, err = check(job.payload)
  if not finding then
    return nil, err
  end
  local last, failure = last_change(url)
  if not last then
    return nil, failure
  end
  local now = candy.time.now()
  job:write("insert into http_checks (url, at, ok, ms, reason) values (?, ?, ?, ?, ?)",
    url, now, finding.ok and 1 or 0, finding.ms, finding.reason)
  job:write("delete from http_checks where url = ? and at < ?", url, now - KEPT)
  finding.changed = finding.ok ~= (last.up == 1)
  if finding.changed then
    note_change(job, url, last, finding)
  end
  return finding
end)
