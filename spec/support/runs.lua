-- What attempts of jobs leave behind when they begin and end, and what follows from it.
--
-- Tasks of runs.SCRIPT insert a row when they begin and one before they end, so that rows
-- in their order tell which attempts ran beside each other: fewer than there were, never
-- more.
local runs = {}

--- Declares the table, and `attempt(job, fn)` for tasks to call.
runs.SCRIPT = [[
local candy = require("candy")

candy.schema("runs", "create table runs (id integer primary key, job text, "
  .. "key text, what text, at integer)")

local function note(job, what)
  assert(candy.db.exec("insert into runs (job, key, what, at) values (?, ?, ?, ?)",
    job.id, job.key or "", what, candy.time.now()))
end

return {
  attempt = function(job, fn)
    note(job, "begin")
    candy.sleep((job.payload.ms or 0) .. "ms")
    local result, err = true
    if fn then result, err = fn(job) end
    note(job, "end")
    return result, err
  end,
}
]]

--- All rows, in their order.
function runs.read(host)
  local rows, after = {}, 0
  repeat
    local part = assert(host:eval(([[
      return candy.db.query("select id, job, key, what, at from runs where id > ? "
        .. "order by id limit 500", %d)]]):format(after)))
    for _, row in ipairs(part) do
      rows[#rows + 1] = row
      after = row.id
    end
  until #part == 0
  return rows
end

--- How many ran beside each other at most: of all, and of one key. `deaths` are ids of
--- the last rows before everything was killed.
function runs.most_at_once(rows, deaths)
  local running, most, most_of_key = {}, 0, 0
  local dead = {}
  for _, id in ipairs(deaths or {}) do
    dead[id] = true
  end
  for _, row in ipairs(rows) do
    running[row.job] = row.what == "begin" and row.key or nil
    local n, by_key = 0, {}
    for _, key in pairs(running) do
      n = n + 1
      by_key[key] = (by_key[key] or 0) + 1
      most_of_key = math.max(most_of_key, by_key[key])
    end
    most = math.max(most, n)
    if dead[row.id] then
      running = {}
    end
  end
  return most, most_of_key
end

--- The jobs in the order in which they began, each attempt for itself.
function runs.begun(rows)
  local ids = {}
  for _, row in ipairs(rows) do
    if row.what == "begin" then
      ids[#ids + 1] = row.job
    end
  end
  return ids
end

return runs
