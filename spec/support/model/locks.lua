-- Locks as they should be, for the model of the queue: lines of tokens, the first of
-- which holds the lock. An operation like those of operations.lua.
local locks = {}

local VERBS = { "take", "take", "take", "extend", "leave", "leave", "look" }
local NAMES = { "x", "x", "x", "y" }

-- Where a token is: its line, and its place there.
local function find(queue, token)
  for name, line in pairs(queue.locks) do
    for i, place in ipairs(line) do
      if place.token == token then
        return place, i, name
      end
    end
  end
end

local function give(queue, name, changes)
  local first = queue.locks[name][1]
  if first and not first.held then
    first.held, first.due = true, queue.now + first.ttl
    changes[first.token] = first.due
  end
end

local function drop(queue, token, changes)
  local place, i, name = find(queue, token)
  if place then
    table.remove(queue.locks[name], i)
    give(queue, name, changes)
  end
  return place and place.held
end

-- Those who wait go first, so that nobody is given a lock whose patience has ended, too.
local function end_due(queue, changes)
  local due = {}
  for _, held in ipairs({ false, true }) do
    for _, line in pairs(queue.locks) do
      for _, place in ipairs(line) do
        if place.held == held and place.due <= queue.now then
          due[#due + 1] = place.token
        end
      end
    end
  end
  for _, token in ipairs(due) do
    changes[token] = 0
    drop(queue, token, changes)
  end
end

local verbs = {}

function verbs.take(queue, request, answer)
  local line = queue.locks[request.name] or {}
  queue.locks[request.name] = line
  if line[1] and request.wait == 0 then
    return "over"
  end
  local held = line[1] == nil
  line[#line + 1] = { token = answer.token, held = held, ttl = request.ttl,
    due = queue.now + (held and request.ttl or request.wait) }
  queue.tokens[#queue.tokens + 1] = answer.token
  return held and "held" or "waits"
end

function verbs.extend(queue, request)
  local place = find(queue, request.token)
  if not place or not place.held then
    return "over"
  end
  place.due = queue.now + request.ttl
  return "held"
end

function verbs.leave(queue, request, _, changes)
  return drop(queue, request.token, changes) and "held" or "over"
end

function verbs.look()
  return "held" -- which says nothing here
end

local function next_due(queue)
  local first = 0
  for _, line in pairs(queue.locks) do
    for _, place in ipairs(line) do
      first = first == 0 and place.due or math.min(first, place.due)
    end
  end
  return first
end

-- What became of other tokens, told once each.
local function differ(changes, told)
  for _, change in ipairs(told) do
    if changes[change.token] ~= change["until"] then
      return "a change that is none, or is told twice"
    end
    changes[change.token] = nil
  end
  return next(changes) and "a change is not told"
end

local function grows(queue, request, answer)
  local last = queue.tokens[#queue.tokens]
  return request.verb ~= "take" or answer.state == "over" or not last
    or answer.token > last
end

local function check(queue, request, answer)
  local changes = {}
  end_due(queue, changes)
  if not grows(queue, request, answer) then
    return "a token that is no larger than the one before"
  end
  local state = verbs[request.verb](queue, request, answer, changes)
  if answer.state ~= state then
    return ("%s gives %s, not %s"):format(request.verb, answer.state, state)
  end
  if answer.next_due ~= next_due(queue) then
    return "next_due is not the earliest end of a place"
  end
  return differ(changes, answer.changes)
end

-- One that is in a line, or any that ever was.
local function pick_token(queue, args)
  local tokens = {}
  for _, token in ipairs(queue.tokens) do
    if args.any or find(queue, token) then
      tokens[#tokens + 1] = token
    end
  end
  return tokens[args.pick % math.max(#tokens, 1) + 1] or 1
end

locks.lock = {
  weight = 16,
  of = "locks",
  draw = function(r)
    return { verb = VERBS[r(#VERBS)], name = NAMES[r(#NAMES)], pick = r(1000),
      any = r(5) == 1, wait = ({ 0, 5000, 60000 })[r(3)],
      ttl = ({ 50, 2000, 10000 })[r(3)] }
  end,
  send = function(queue, args)
    queue.tokens = queue.tokens or {}
    return { verb = args.verb, name = args.name, wait = args.wait, ttl = args.ttl,
      token = pick_token(queue, args) }
  end,
  check = check,
}

return locks
