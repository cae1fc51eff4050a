-- What is sent: lists of jobs of all kinds, and beside them the deeds of the subjects. A
-- request without an answer may have been taken in or not.
local RECENT = 32 -- jobs of a kind that are remembered, for deeds

local Load = {}
Load.__index = Load

local function draw_from(subjects)
  local kinds, bag, deeds = {}, {}, {}
  for _, subject in ipairs(subjects) do
    for name, kind in pairs(subject.kinds) do
      kinds[name] = kind
      for _ = 1, kind.weight do
        bag[#bag + 1] = name
      end
    end
    for _, deed in ipairs(subject.deeds or {}) do
      deeds[#deeds + 1] = deed
    end
  end
  table.sort(bag) -- so that a seed repeats the choices
  return kinds, bag, deeds
end

function Load.new(ledger, subjects)
  local kinds, bag, deeds = draw_from(subjects)
  return setmetatable({ ledger = ledger, kinds = kinds, bag = bag, deeds = deeds,
    items = 0, numbers = 0, requests = 0, unanswered = 0, recents = {}, seen = {} }, Load)
end

function Load:note(...)
  self.ledger:note(...)
end

-- A new job, which has to be sent.
function Load:item(name, k)
  local kind = self.kinds[name]
  self.items = self.items + 1
  return {
    n = self.items,
    kind = name,
    k = k or kind.key and kind.key(self) or kind.keys and math.random(kind.keys),
    options = kind.options and kind.options() or {},
  }
end

-- A number for what is no job.
function Load:number()
  self.numbers = self.numbers + 1
  return self.numbers
end

-- As a request has it.
function Load:task(item) -- luacheck: no self
  local task = { type = item.kind, payload = item.payload or {} }
  task.payload.n, task.payload.k = item.n, item.k
  for name, value in pairs(item.options) do
    task[name] = value
  end
  return task
end

-- The number of the last step that any job took, or nil while the store is not there.
function Load:last_step()
  local list = io.popen(("sqlite3 -readonly '%s/data/candy.db' "
    .. "'select max(seq) from steps' 2>&1"):format(self.ledger.folder))
  local seq = tonumber(list:read("*a"))
  list:close()
  return seq
end

-- A job of the kind, or of any, that was enqueued not long ago: n and id.
function Load:recent(kind)
  local some = self.recents[kind or self.seen[math.random(math.max(#self.seen, 1))]]
  return some and some[math.random(#some)]
end

function Load:remember(item)
  local some = self.recents[item.kind]
  if not some then
    some = {}
    self.recents[item.kind] = some
    self.seen[#self.seen + 1] = item.kind
  end
  some[#some < RECENT and #some + 1 or math.random(RECENT)] = { n = item.n, k = item.k,
    id = item.id }
end

local function note_acked(self, items, answer, probe)
  local same = {}
  for _, place in ipairs(answer.duplicates or {}) do
    same[place + 1] = true
  end
  assert(#answer.ids == #items)
  for i, item in ipairs(items) do
    item.id = answer.ids[i]
    self:note("sent", item.n, item.kind, self.requests, true, item.id, same[i], probe)
    self:remember(item)
  end
end

-- Notes what became of a request with these jobs; returns the answer that it was taken in
-- with, or nil. probe: they are to show that all is well; optional: their task may not be
-- there.
function Load:keep(items, answer, probe, optional)
  local status = answer and answer.status or 503
  self.requests = self.requests + 1
  if status == 202 then
    note_acked(self, items, answer.json, probe)
    return answer.json
  end
  assert(status == 503 or optional and status == 422, answer and answer.body)
  self.unanswered = self.unanswered + 1
  for _, item in ipairs(items) do
    self:note("sent", item.n, item.kind, self.requests, false, 0, false, probe)
  end
end

function Load:send(call, items, probe, optional)
  local tasks = {}
  for i, item in ipairs(items) do
    tasks[i] = self:task(item)
  end
  return self:keep(items, call("POST", "/tasks", tasks), probe, optional)
end

-- A list of `size` jobs or a few more, of kinds as often as these weigh.
function Load:send_list(call, size)
  local items = {}
  while #items < size do
    local name = self.bag[math.random(#self.bag)]
    local make = self.kinds[name].make
    for _, item in ipairs(make and make(self) or { self:item(name) }) do
      items[#items + 1] = item
    end
  end
  self:send(call, items)
end

function Load:do_something(call)
  self.deeds[math.random(#self.deeds)](self, call)
end

-- Of each kind with keys one job a key, and of others one in all; but none of a kind that
-- may die.
function Load:one_of_each()
  local items = {}
  for name, kind in pairs(self.kinds) do
    for k = 1, kind.dies and 0 or kind.keys or 1 do
      local item = self:item(name, k)
      item.options = kind.probe or item.options
      items[#items + 1] = item
    end
  end
  return items
end

-- As many jobs as may run at a time, which end when all of them run; one a key, or all of
-- the key k.
function Load:meeting(name, count, k)
  local items, first, last = {}, self.items + 1, self.items + count
  for i = 1, count do
    items[i] = self:item(name, k or i)
    items[i].payload = { first = first, last = last }
  end
  return items
end

return Load
