-- candy.db: SQL on the tables of candy.schema, with `?` for parameters.
--- SQL with `?` for parameters, on the tables of [candy.schema](candy.md) and none of
--- Candy's own.
---
--- A value may have 8 MB, a statement 200 columns, 16 `like` and 64 MB of memory; a
--- `like` pattern 50 bytes.
---
--- `candy.db.exec` takes effect at once, so that a retry does it again; for effects that
--- must happen exactly once use `job:write`.

local core = require("candy.core")
local frozen = require("candy.frozen")
local options = require("candy.options")
local wait = require("candy.wait")

local function body_of(what, sql, ...)
  if type(sql) ~= "string" then
    core.misuse(("%s: the first argument must be SQL, not %s")
      :format(what, options.show(sql)))
  end
  local params, problem = core.encode_parameters(...)
  if not params then
    core.misuse(what .. ": " .. problem)
  end
  return { sql = sql, params = params }
end

---@class candy.Changes
---@field changes integer  how many rows were changed
---@field last_id integer  the id of the row that was inserted last, or 0

--- What works inside of candy.db.tx: each takes and answers what those of candy.db do.
---@class candy.Transaction
---@field query fun(sql: string, ...: any): table[]?, candy.Error?
---@field one fun(sql: string, ...: any): table?, candy.Error?
---@field exec fun(sql: string, ...: any): candy.Changes?, candy.Error?

local db = {}

--- Reads rows. At most 10,000 rows or 8 MB, within 5 seconds.
---
--- Errors: `sql_error` (the statement, by the database's own words), `sql_forbidden` (a
--- table or a statement that is not for scripts), `sql_timeout`, `sql_too_many_rows`.
---@param sql string  one statement that only reads
---@param ... string|number|boolean|nil  the parameters, one for each `?`
---@return table[]? rows, candy.Error? err  each row a table by column; NULL is nil
function db.query(sql, ...)
  return wait.request("candy.db.query", "query", body_of("candy.db.query", sql, ...))
end

--- Reads the first row. Limits and errors are those of candy.db.query.
---@param sql string
---@param ... string|number|boolean|nil
---@return table? row, candy.Error? err  nil when there is none
function db.one(sql, ...)
  local rows, err =
    wait.request("candy.db.one", "query", body_of("candy.db.one", sql, ...))
  return rows and rows[1], err
end

--- Changes rows, within 250 ms. Errors are those of candy.db.query.
---@param sql string  one statement
---@param ... string|number|boolean|nil
---@return candy.Changes? result, candy.Error? err
function db.exec(sql, ...)
  return wait.request("candy.db.exec", "exec", body_of("candy.db.exec", sql, ...))
end

-- Transactions --

-- The host ends a transaction with its first failure: what follows fails alike.
local function ask(state, what, verb, body)
  if state.failure then
    return nil, state.failure
  end
  body.tx = state.number
  core.end_transaction()
  local answer, err = wait.request(what, verb, body)
  core.begin_transaction(state.number)
  if not answer then
    state.failure = err
  end
  return answer, err
end

local function handle_of(state)
  local tx = {}

  local function run(what, reads, ...)
    if state.over or not core.is_in_transaction(state.number) then
      core.misuse(what .. ": the transaction is over, or another one's: its methods work "
        .. "inside of the function that candy.db.tx was given")
    end
    local body = body_of(what, ...)
    body.reads = reads
    return ask(state, what, "tx_sql", body)
  end

  function tx.query(...)
    return run("tx.query", true, ...)
  end

  function tx.one(...)
    local rows, err = run("tx.one", true, ...)
    return rows and rows[1], err
  end

  function tx.exec(...)
    return run("tx.exec", false, ...)
  end

  return frozen.freeze(tx, "tx")
end

local function keep(state)
  local kept, err = ask(state, "candy.db.tx", "tx_end", { keep = true })
  core.end_transaction()
  return kept, err
end

-- Nothing waits here: the job's time may be up.
local function take_back(state)
  core.end_transaction()
  core.tell("tx_end", core.encode({ tx = state.number, keep = false }))
end

-- What candy.db.tx returns, given what its function did.
local function conclude(state, ok, first, ...)
  state.over = true
  wait.pinned[state.thread] = nil
  if not ok then
    take_back(state)
    error(first, 0)
  elseif first == nil and ... ~= nil then
    take_back(state)
    return nil, ...
  end
  local kept, err = keep(state)
  if not kept then
    return nil, err
  elseif first == nil then
    return true
  end
  return first, ...
end

--- Runs a function within a transaction: what it writes is kept as a whole when it
--- returns, and not at all when it raises or returns nil and an error.
---
--- `tx` has query, one and exec, which take and answer what those of candy.db do. The
--- first of them that fails ends the transaction, whatever the function makes of it.
---
--- While it runs nobody else writes, so it takes 50 ms at most in all; past them the
--- error is `tx_timeout`, and nothing is kept. For the same reason nothing in it may wait
--- but its own queries: other calls that wait are misuse there, another transaction too.
--- Errors: `tx_timeout`, those of candy.db.query, `stale_lease` when another attempt has
--- taken the job over.
---
---     local left, err = candy.db.tx(function(tx)
---       local row = tx.one("select n from stock where item = ?", "pen")
---       if not row or row.n == 0 then
---         return nil, "none left"
---       end
---       tx.exec("update stock set n = n - 1 where item = ?", "pen")
---       return row.n - 1
---     end)
---@param fn fun(tx: candy.Transaction): any
---@return any value, any err  what the function returned (true for nothing), or nil and
---  an error
function db.tx(fn)
  if type(fn) ~= "function" then
    core.misuse("candy.db.tx: the argument must be a function, not " .. options.show(fn))
  end
  local begun, err = wait.request("candy.db.tx", "tx_begin", {})
  if not begun then
    return nil, err
  end
  local state = { number = begun.tx, thread = coroutine.running() }
  wait.pinned[state.thread] = true
  core.begin_transaction(state.number)
  return conclude(state, pcall(fn, handle_of(state)))
end

return frozen.freeze(db, "candy.db")
