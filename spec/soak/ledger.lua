-- What the spec did, kept in files as it goes, and the database in which it is held
-- against what the store has: each fault is a query that must find nothing. Nothing here
-- grows in memory, however long the run is.
local cjson = require("cjson")
local candy = require("spec.support.candy")

local Ledger = {}
Ledger.__index = Ledger

-- tables: name -> its columns, as SQL has them.
function Ledger.new(folder, tables)
  local self = setmetatable({ folder = folder, tables = tables, files = {} }, Ledger)
  for name in pairs(tables) do
    self.files[name] = assert(io.open(("%s/%s.csv"):format(folder, name), "w"))
  end
  return self
end

-- A row; values are numbers, booleans and words without a comma.
function Ledger:note(name, ...)
  local values = {}
  for i = 1, select("#", ...) do
    local value = select(i, ...)
    values[i] = value == true and 1 or value or 0
  end
  assert(self.files[name]:write(table.concat(values, ","), "\n"))
end

function Ledger:run(sql, mode)
  candy.write(self.folder .. "/query.sql", sql)
  local list = assert(io.popen(("cd '%s' && sqlite3 -bail %s check.db < query.sql 2>&1")
    :format(self.folder, mode)))
  local text = list:read("*a")
  list:close()
  return text
end

-- Runs SQL; returns the rows of what it selects.
function Ledger:query(sql)
  local text = self:run(sql, "-json")
  local ok, rows = pcall(cjson.decode, text)
  assert(ok or text == "", text .. sql)
  return ok and rows or {}
end

-- The names of the faults that find something, as keys. With tampering, each after the
-- one of its name, and without any other.
function Ledger:found(faults, tampering)
  local sql, names = {}, {}
  for name, fault in pairs(faults) do
    sql[#sql + 1] = ("begin; %s; select '<%s>' where exists (%s); rollback;"):format(
      tampering and tampering[name] or "", name, fault)
  end
  local text = self:run(table.concat(sql, "\n"), "-list")
  assert(text:gsub("<[%w_]+>\n", "") == "", text)
  for name in text:gmatch("<([%w_]+)>") do
    names[name] = true
  end
  return names
end

-- `jobs` is what the store says of them; state is null where there is no end.
local STORE = [[
  attach '%s' as store;
  create table jobs as
    select j.id, t.name type, q.name queue, j.key, j.parent_id parent, j.batch,
        j.created_at, cast(json_extract(j.payload, '$.n') as integer) n,
        json_extract(j.payload, '$.k') k,
        case when d.state = 5 then 'completed' when d.id then 'cancelled'
          when x.id then 'dead' end state,
        coalesce(d.lease, x.lease) lease, coalesce(d.began_at, x.began_at) began_at,
        coalesce(d.finished_at, x.finished_at) finished_at,
        case when d.state <> 5 then json_extract(d.result, '$.code')
          else json_extract(f.error, '$.code') end code
      from store.candy_job j
      join store.candy_name t on t.id = j.type
      join store.candy_name q on q.id = j.queue
      left join store.candy_done d on d.id = j.id
      left join store.candy_dead x on x.id = j.id
      left join store.candy_failure f on f.id = x.id and f.lease = x.lease;
  create unique index jobs_id on jobs (id);
  create index jobs_n on jobs (type, n);
  create index jobs_parent on jobs (parent);
  create index jobs_batch on jobs (batch);
  create table begun as select seq, id, lease from store.steps where ended = 0;
  create index begun_id on begun (id, lease);
  create table effects as
    select seq, id, lease, n, value from store.steps where ended = 1;
  create index effects_id on effects (id);
  create table fanned as select seq, id, lease from store.steps where ended = 2;
  create index fanned_id on fanned (id);
]]

-- Attempts that had their effect, from their first step to their last.
local ACCEPTED = [[
  create table accepted as
    select e.id, e.lease, min(b.seq) b, e.seq e
      from effects e join begun b on b.id = e.id and b.lease = e.lease
      group by e.id, e.lease, e.seq;
  create index accepted_id on accepted (id, lease);
]]

-- data: the store's file; more: SQL of the subjects, which comes last.
function Ledger:load(data, more)
  local import = {}
  for name, columns in pairs(self.tables) do
    self.files[name]:close()
    import[#import + 1] = ("create table %s (%s);"):format(name, columns)
    import[#import + 1] = (".import --csv %s.csv %s"):format(name, name)
  end
  self:query(table.concat(import, "\n"))
  self:query(STORE:format(data) .. ACCEPTED .. table.concat(more, "\n"))
end

return Ledger
