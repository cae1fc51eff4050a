-- SYNC_DATA: keeps what a source has in the table synced_items. Each job takes over what
-- is new or has changed since the last one.
--
--   candy enqueue SYNC_DATA '{"source":"feed","url":"https://example.org/rss"}' --wait
--
-- A source is a module integrations/NAME that has
--
--   fetch(state, opts) -> items, new_state | nil, err
--
-- `opts` are the payload's url and options. `items` are tables with an `id` (a text) of
-- their own; one that was there before replaces what was kept. `state` is what the last
-- fetch returned as new_state, {} at first: an ETag, a date, a page to go on with.
--
-- What is new is told by the event sync_data.changed, and read by SQL:
--
--   select id, data from synced_items where source = 'feed' order by changed_at desc
local candy = require("candy")

local BATCH = 100 -- ids that are looked up at a time
local TOLD_MAX = 100 -- ids in an event

candy.schema("sync_data", {
  [[create table synced_items (
      source text, url text, id text, data text, first_at integer, changed_at integer,
      primary key (source, url, id))]],
  [[create table sync_states (
      source text, url text, state text, at integer, primary key (source, url))]],
})

local function find_source(name)
  if not name:match("^[%w_]+$") then
    return nil, "a source's name is made of letters, digits and _"
  end
  local ok, source = pcall(require, "integrations." .. name)
  if not ok then
    return nil, tostring(source)
  elseif type(source) ~= "table" or type(source.fetch) ~= "function" then
    return nil, ("integrations.%s has no function fetch"):format(name)
  end
  return source
end

local function read_state(origin)
  local row, err = candy.db.one(
    "select state from sync_states where source = ? and url = ?",
    origin.source, origin.url)
  if err then
    return nil, err
  end
  return row and candy.json.decode(row.state) or {}
end

-- A source may name an item twice: the last one counts.
local function each_once(items)
  local list, place = {}, {}
  for _, item in ipairs(items) do
    place[item.id] = place[item.id] or #list + 1
    list[place[item.id]] = item
  end
  return list
end

-- What is kept of these items: texts of JSON by id.
local function read_kept(origin, items)
  local kept = {}
  for first = 1, #items, BATCH do
    local ids = {}
    for i = first, math.min(first + BATCH - 1, #items) do
      ids[#ids + 1] = items[i].id
    end
    local rows, err = candy.db.query(
      "select id, data from synced_items where source = ? and url = ? and id in ("
        .. ("?"):rep(#ids, ", ") .. ")", origin.source, origin.url, unpack(ids))
    if not rows then
      return nil, err
    end
    for _, row in ipairs(rows) do
      kept[row.id] = row.data
    end
  end
  return kept
end

-- Whether two values are the same in JSON, where members have no order.
local function same(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then
    return a == b
  end
  for key, value in pairs(a) do
    if not same(value, b[key]) then
      return false
    end
  end
  for key in pairs(b) do
    if a[key] == nil then
      return false
    end
  end
  return true
end

local function write_item(job, origin, item)
  local now = candy.time.now()
  job:write([[
    insert into synced_items (source, url, id, data, first_at, changed_at)
    values (?, ?, ?, ?, ?, ?)
    on conflict (source, url, id)
    do update set data = excluded.data, changed_at = excluded.changed_at]],
    origin.source, origin.url, item.id, candy.json.encode(item), now, now)
end

local function write_state(job, origin, state)
  job:write([[
    insert into sync_states (source, url, state, at) values (?, ?, ?, ?)
    on conflict (source, url) do update set state = excluded.state, at = excluded.at]],
    origin.source, origin.url, candy.json.encode(candy.json.object(state)),
    candy.time.now())
end

-- Writes what differs from what is kept; returns how many are new and changed, and ids.
local function take_over(job, origin, items, kept)
  local report = { items = #items, new = 0, changed = 0 }
  local ids = candy.json.array({})
  for _, item in ipairs(items) do
    local before = kept[item.id]
    if not before or not same(item, candy.json.decode(before)) then
      local kind = before and "changed" or "new"
      report[kind] = report[kind] + 1
      ids[#ids + 1] = #ids < TOLD_MAX and item.id or nil
      write_item(job, origin, item)
    end
  end
  return report, ids
end

candy.task("SYNC_DATA", {
  description = "Takes over what is new at a source, such as a feed.",
  payload = { source = "string", url = "string?", options = "table?" },
  timeout = "2m",
}, function(job)
  local p = job.payload
  local origin = { source = p.source, url = p.url or "" }
  local source, problem = find_source(p.source)
  if not source then
    return nil, candy.permanent("SYNC_DATA: " .. problem)
  end
  local state, err = read_state(origin)
  if not state then
    return nil, err
  end
  local items, new_state = source.fetch(state, { url = p.url, options = p.options })
  if not items then
    return nil, new_state
  end
  items = each_once(items)
  local kept, failure = read_kept(origin, items)
  if not kept then
    return nil, failure
  end
  local report, ids = take_over(job, origin, items, kept)
  write_state(job, origin, new_state or {})
  if #ids > 0 then
    job:emit("sync_data.changed", {
      source = origin.source, url = origin.url, ids = ids,
      new = report.new, changed = report.changed,
    })
  end
  return report
end)
