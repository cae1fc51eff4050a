-- candy.db: SQL on the tables of candy.schema, with `?` for parameters.
local core = require("candy.core")
local frozen = require("candy.frozen")
local options = require("candy.options")
local wait = require("candy.wait")

local function ask(what, verb, sql, ...)
  if type(sql) ~= "string" then
    core.misuse(("%s: the first argument must be SQL, not %s")
      :format(what, options.show(sql)))
  end
  local params, problem = core.encode_parameters(...)
  if not params then
    core.misuse(what .. ": " .. problem)
  end
  return wait.request(what, verb, { sql = sql, params = params })
end

local db = {}

--- Reads rows.
---@param sql string
---@param ... string|number|boolean|nil  the parameters
---@return table[]? rows, table? err  each row a table by column; NULL is nil
function db.query(sql, ...)
  return ask("candy.db.query", "query", sql, ...)
end

--- Reads the first row.
---@return table? row, table? err  nil when there is none
function db.one(sql, ...)
  local rows, err = ask("candy.db.one", "query", sql, ...)
  return rows and rows[1], err
end

--- Changes rows.
---@return table? result, table? err  { changes, last_id }
function db.exec(sql, ...)
  return ask("candy.db.exec", "exec", sql, ...)
end

return frozen.freeze(db, "candy.db")
