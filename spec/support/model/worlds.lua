-- Worlds: each random walk has one, with a few of the queue's features in it, so that
-- features meet and what goes wrong can still be cut down to a few steps.
--
-- Whatever a world says is in the steps of its walks: it is needed for drawing alone.
local one_of = require("spec.support.model.words").one_of

local worlds = {}

local FEATURES = { "control", "unique", "graph", "limits", "order", "turns" }
local EVENTS = { "success", "complete", "death" } -- of a batch: types of what follows

-- What walks have: a name, how often it is drawn, and the features. A number says how
-- much more often operations of the feature are drawn.
local KINDS = {
  { name = "plain", weight = 4, locks = true },
  { name = "locks", weight = 2, locks = 6 },
  { name = "control", weight = 3, control = true },
  { name = "unique", weight = 3, unique = true, control = true },
  { name = "graph", weight = 4, graph = true },
  { name = "graph, control", weight = 3, graph = true, control = true },
  { name = "limits", weight = 4, limits = true },
  { name = "order", weight = 3, order = true },
  { name = "turns", weight = 2, turns = true, crowd = 5 },
  { name = "limits, order", weight = 3, limits = true, order = true, control = true },
  { name = "other limits", weight = 2, limits = true, order = true, changes = true,
    control = true },
  { name = "all", weight = 4, any = true },
}

local function draw_limit(r)
  local what = r(6)
  local rate = what == 5 and r(3) or nil
  return { concurrency = what < 5 and r(3) - (what == 1 and 1 or 0) or nil, rate = rate,
    window = rate and one_of(r, { 100, 1000, 5000 }) }
end

-- Nil as often as not: most have no policy of this kind.
local function maybe(r, draw)
  return r(2) == 1 and draw(r) or nil
end

local function draw_key_limit(r)
  local limit = draw_limit(r)
  limit.keyless = r(3) == 1 or nil
  return limit
end

-- ---- policies ----

local draw_type = {}

function draw_type.once()
  return { once = true }
end

local function draw_limited(r, world)
  if world.limits then
    return { limit = maybe(r, draw_limit), key_limit = maybe(r, draw_key_limit) }
  end
end

draw_type.a, draw_type.b = draw_limited, draw_limited

-- In strict order by key, and so in one queue.
function draw_type.ordered(r, world)
  return { order = "by_key", limit = world.limits and maybe(r, draw_limit) or nil }
end

local draw_queue = { default = draw_limited }

function draw_queue.line(_, world)
  return { order = world.by_key and "by_key" or "strict" }
end

-- Keys take turns there, or priorities grow with time.
function draw_queue.other(r, world)
  local queue = draw_limited(r, world) or {}
  if world.turns and world.fair then
    queue.fair, queue.weights = true, { x = r(3) }
  elseif world.turns then
    queue.ageing = one_of(r, { 100, 2000 })
  end
  return queue
end

local function draw_policies(r, world)
  local policies = { types = {}, queues = {} }
  for _, name in ipairs(world.types) do
    local type = draw_type[name] and draw_type[name](r, world) or {}
    type.name, policies.types[name] = name, type
  end
  for i, name in ipairs(world.queues) do
    local queue = draw_queue[name](r, world) or {}
    queue.name, policies.queues[i] = name, queue
  end
  return policies
end

local function has_policies(world)
  return world.limits or world.order or world.turns
end

-- Of types with a policy a host has all, unless policies are to change.
local function is_there(r, type)
  local asked = r(10) > 1
  if type.name == "rare" then
    return r(3) == 1
  end
  return asked or type.limit or type.key_limit or type.order
end

--- What a host that starts says of its types. `lines` is for the model: those in order.
function worlds.draw_types(r, world)
  local policies = world.changes and draw_policies(r, world) or world.policies
  local args = { types = {}, lines = {} }
  args.queues = has_policies(world) and policies.queues or nil
  for _, name in ipairs(world.types) do
    local type = policies.types[name]
    args.types[#args.types + 1] = is_there(r, type) and type or nil
    args.lines[name] = type.order ~= nil or nil
  end
  for _, event in ipairs(world.events) do
    args.types[#args.types + 1] = { name = event }
  end
  return args
end

-- ---- worlds ----

local names = {} -- each as often as its weight says
for _, kind in ipairs(KINDS) do
  for _ = 1, kind.weight do
    names[#names + 1] = kind
  end
end

local function draw_features(r, kind)
  local world = {}
  for name, value in pairs(kind) do
    world[name] = value
  end
  for _, feature in ipairs(kind.any and FEATURES or {}) do
    world[feature] = r(2) == 1 or nil
  end
  return world
end

-- "once" must not run twice; "rare" is known now and then.
local function name_things(r, world)
  local keyed = has_policies(world)
  world.types, world.queues = { "a", "b", "once", "rare" }, { "default", "other" }
  if world.order then
    world.types[5], world.queues[3] = "ordered", "line"
  end
  world.queue_of = { ordered = r(2) == 1 and "default" or "line" }
  world.keys = keyed and { "x", "y" } or nil
  world.priorities = keyed and r(2) == 1 and { 0 } or { 0, 0, 0, -1, 1 }
end

local function find_kind(name)
  for _, kind in ipairs(KINDS) do
    if kind.name == name then
      return kind
    end
  end
  error("there is no world " .. name, 0)
end

--- A world, out of random numbers alone, or that of the name.
function worlds.draw(r, name)
  local any = one_of(r, names)
  local world = draw_features(r, name and find_kind(name) or any)
  name_things(r, world)
  world.by_key, world.fair = r(2) == 1, r(3) > 1
  if world.turns and world.fair then
    world.priorities = { 0 } -- turns are those of a key, whatever the priority
  end
  world.events = world.graph and EVENTS or {}
  world.payloads = world.control or world.unique
  world.policies = draw_policies(r, world)
  return world
end

return worlds
