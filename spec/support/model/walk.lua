-- Random walks: draws operations from a seed, plays them to the store and to the model in
-- step, and makes what differs as short as it can be.
--
-- A walk is a list of steps { name, args, joined }: `joined` goes into the turn of the
-- step before. All that a step means is in it, so any part of a walk is a walk.
local cjson = require("cjson")
local graph = require("spec.support.model.graph")
local limits = require("spec.support.model.limits")
local operations = require("spec.support.model.operations")
local Queue = require("spec.support.model.queue")
local worlds = require("spec.support.model.worlds")

require("jit").off() -- traces of steps that branch by chance cost more than they save

local walk = {}

local LENGTH = 40 -- steps, at most
local DRAIN = 50 -- jobs at a time
local CLAIMS = 40 -- that follow each other and give nothing new, at most
local START_MS = 1700000000000
local LATER_MS = 86400000
local LOOK_TURNS = 3 -- all jobs are compared after so many turns, and at the end
local PHASES = { "finishes", "others", "scripts", "claims" }
local EFFECTS = "create table effects (id integer, lease integer not null)"
local TYPES = { "a", "b", "rare", "once", "ordered", "success", "complete", "death" }

-- ---- what is no operation of a turn ----

local moves = {
  advance = {
    weight = 14,
    draw = function(r)
      return { ms = ({ 1, 40, 100, 1000, 4000 })[r(5)] }
    end,
    act = function(play, args)
      play.queue.now = play.queue.now + args.ms
      play.store:ask({ ["do"] = "clock", ms = play.queue.now })
    end,
  },
  -- Where there are policies a host says them before anything runs.
  restart = {
    weight = 2,
    draw = function(r, world)
      local says = world.limits or world.order or world.turns
      return { recovers = says and r(2) == 1 or nil, says = says }
    end,
    act = function(play, args)
      play.store:ask({ ["do"] = "restart" })
      play.queue:restart()
      local ops = args.recovers and { { op = "recover" } } or {}
      ops[#ops + 1] = args.says and play.queue.types_said or nil
      return play:turn(ops)
    end,
  },
  exhaust = {
    weight = 5,
    draw = function()
      return {}
    end,
    act = function(play)
      return play:exhaust()
    end,
  },
}

-- ---- drawing ----

-- Each as often as its weight says.
local function names_of(world)
  local names = {}
  for _, set in ipairs({ operations, moves }) do
    local sorted = {}
    for name, entry in pairs(set) do
      if not entry.of or world[entry.of] then
        sorted[#sorted + 1] = name
      end
    end
    table.sort(sorted)
    for _, name in ipairs(sorted) do
      for _ = 1, set[name].weight * (tonumber(world[set[name].of]) or 1) do
        names[#names + 1] = name
      end
    end
  end
  return names
end

--- The walk of a seed, in a world of its own or in that of the name. It begins with
--- types, so that there is something to claim.
function walk.draw(seed, kind)
  math.randomseed(seed)
  local r = math.random
  for _ = 1, 20 do
    r() -- the first ones of seeds that are near each other are near each other
  end
  local world = worlds.draw(r, kind)
  local names = names_of(world)
  local steps = { world = world }
  steps[1] = { name = "types", args = operations.types.draw(r, world) }
  for i = 2, r(5, LENGTH) do
    local name = names[r(#names)]
    steps[i] = { name = name, args = (operations[name] or moves[name]).draw(r, world),
      joined = r(3) == 1 }
  end
  return steps
end

-- ---- playing ----

local Play = {}
Play.__index = Play

local function phase_of(op)
  local phase = operations[op.op].phase or "others"
  return type(phase) == "function" and phase(op) or phase
end

-- The operations of a turn, made for the state before it. SQL of scripts ends a turn that
-- has some: how much of it there is time for is the store's affair.
local function gather(play, steps, at)
  local ops, scripts = {}, 0
  local i = at
  while steps[i] and operations[steps[i].name] and (i == at or steps[i].joined) do
    local op = operations[steps[i].name].send(play.queue, steps[i].args)
    if op then
      op.op = steps[i].name
      scripts = scripts + (phase_of(op) == "scripts" and 1 or 0)
      if scripts > 1 then
        break
      end
      ops[#ops + 1] = op
    end
    i = i + 1
  end
  return ops, i
end

local function run_one(play, op, answer)
  local operation = operations[op.op]
  local code = operation.refused and operation.refused(play.queue, op)
  local failed = answer.error and answer.error.code
  if code ~= failed then
    return ("%s fails by %s, not by %s"):format(op.op, tostring(failed), tostring(code))
  end
  local wrong = not failed and operation.check(play.queue, op, answer)
  return wrong and op.op .. ": " .. wrong
end

-- The model follows in the order in which the store runs them.
local function follow(play, ops, answers)
  for _, phase in ipairs(PHASES) do
    if phase == "claims" then
      play.queue:settle()
    end
    for i, op in ipairs(ops) do
      local wrong = phase_of(op) == phase and run_one(play, op, answers[i])
      if wrong then
        return wrong
      end
    end
  end
  play.queue:settle()
end

-- Claims that were told to end, each once.
local function differ_told(queue, told)
  local expected = {}
  for _, claim in ipairs(queue.told) do
    expected[claim.id .. "/" .. claim.lease] = true
  end
  queue.told = {}
  for _, claim in ipairs(told) do
    local name = claim.id .. "/" .. claim.lease
    if not expected[name] then
      return "a claim is told to end, and need not, or is told twice"
    end
    expected[name] = nil
  end
  return next(expected) and "a claim is not told to end"
end

function Play:turn(ops)
  if not ops[1] then
    return nil
  end
  return self:take_in(ops, self.store:ask({ ["do"] = "turn", ops = ops }))
end

-- What came of a turn.
function Play:take_in(ops, answer)
  self.turns, self.due = self.turns + 1, answer.due
  return follow(self, ops, answer.answers)
    or differ_told(self.queue, answer.told)
    or self.queue:check_due(answer.due, answer.deadline)
    or (self.turns % LOOK_TURNS == 0 or self.queue:has_strangers()) and self:compare()
    or nil
end

function Play:compare()
  return self.queue:compare(self.store:ask({ ["do"] = "jobs" }).items)
    or next(self.queue.batches)
    and graph.compare(self.queue, self.store:ask({ ["do"] = "batches" }).items)
    or nil
end

-- ---- nothing is left behind ----

-- Claims until they give nothing more, as those who claim do: while there is more, or
-- something is due. Then each job that is left must have a reason to wait.
function Play:exhaust()
  if not self.queue.types then
    return nil
  end
  for _ = 1, CLAIMS do
    local before, op = #self.queue.starts, { op = "claim", max = DRAIN }
    local answer = self.store:ask({ ["do"] = "turn", ops = { op } })
    local wrong = self:take_in({ op }, answer)
    local is_due = answer.due > 0 and answer.due <= self.queue.now
    local more = answer.answers[1].more or is_due
    if wrong or #self.queue.starts == before and not more then
      return wrong or limits.find_idle(self.queue)
    end
  end
  return "claims do not come to an end"
end

local function finish_all(queue)
  local ops = {}
  for i, job in ipairs(queue:in_state("running")) do
    if i < DRAIN then
      ops[#ops + 1] = { op = "finish", id = job.id, lease = job.lease, outcome = "ok",
        delay = 0, children = {}, writes = {} }
    end
  end
  return ops
end

-- All that rests goes on, and all types are known, by the policies that they had.
local function let_all_go_on(queue)
  local ops, known = {}, {}
  local said = queue.types_said or { types = {}, lines = {} }
  local types = { op = "types", types = {}, queues = said.queues, lines = said.lines }
  for _, type in ipairs(said.types) do
    known[type.name], types.types[#types.types + 1] = true, type
  end
  for _, name in ipairs(TYPES) do
    types.types[#types.types + 1] = not known[name]
      and { name = name, once = name == "once" or nil } or nil
  end
  for kind, names in pairs(queue.paused) do
    for name in pairs(names) do
      ops[#ops + 1] = { op = "pause", task = kind == "type", resume = true, name = name }
    end
  end
  ops[#ops + 1] = types
  return ops
end

-- Nothing runs, and something still waits: for a rate.
function Play:wait_for_due()
  if self.due == 0 or self.due <= self.queue.now then
    return self:find_stuck()
  end
  moves.advance.act(self, { ms = self.due - self.queue.now })
end

-- At the end everything must come to its end: nothing is stuck or comes twice.
function Play:drain()
  moves.advance.act(self, { ms = LATER_MS })
  local wrong = self:turn(let_all_go_on(self.queue))
  while not wrong do
    wrong = self:exhaust()
    local ops = finish_all(self.queue)
    if wrong or not ops[1] and not self:find_stuck() then
      return wrong
    end
    wrong = ops[1] and self:turn(ops) or not ops[1] and self:wait_for_due() or nil
  end
  return wrong
end

function Play:find_stuck()
  for _, job in ipairs(self.queue:select()) do
    if not self.queue:is_finished(job) then
      return ("job %d is stuck: %s"):format(job.nth, job.state)
    end
  end
end

function Play:compare_effects()
  local rows = self.store:ask({ ["do"] = "query",
    sql = "select id, lease from effects order by rowid" }).items
  for i = 1, math.max(#rows, #self.queue.effects) do
    local row, effect = rows[i], self.queue.effects[i]
    if not row or not effect or row.id ~= effect.id or row.lease ~= effect.lease then
      return ("effect %d is %s, not %s"):format(i, cjson.encode(row or cjson.null),
        cjson.encode(effect or cjson.null))
    end
  end
end

local function run_steps(play, steps)
  local at, wrong = 1, nil
  while steps[at] and not wrong do
    local move = moves[steps[at].name]
    if move then
      wrong = move.act(play, steps[at].args)
      at = at + 1
    else
      local ops, behind = gather(play, steps, at)
      wrong, at = play:turn(ops), behind
    end
  end
  return wrong or play:compare() or play:drain() or play:compare_effects()
end

--- Plays the walk to an empty store; returns what is wrong, or nil.
function walk.play(store, steps)
  local play = setmetatable({ store = store, turns = 0,
    queue = Queue.new(START_MS) }, Play)
  store:ask({ ["do"] = "clock", ms = START_MS })
  store:ask({ ["do"] = "open", schema = EFFECTS })
  return run_steps(play, steps)
end

-- ---- shrinking ----

local function without(steps, from, n)
  local rest = {}
  for i, step in ipairs(steps) do
    if i < from or i >= from + n then
      rest[#rest + 1] = step
    end
  end
  return rest
end

-- With one job less in the step that enqueues them, and so in each of them.
local function with_fewer_jobs(store, steps, wrong)
  for _, step in ipairs(steps) do
    local jobs = step.args.jobs or step.args.fan and step.args.fan.jobs or {}
    for i = #jobs, 1, -1 do
      local job = table.remove(jobs, i)
      local still = #jobs > 0 and walk.play(store, steps)
      if still then
        wrong = still
      else
        table.insert(jobs, i, job)
      end
    end
  end
  return wrong
end

local function with_fewer_steps(store, steps, wrong)
  local n = math.max(1, math.floor(#steps / 2))
  while n >= 1 do
    local at, shorter = 1, false
    while at <= #steps do
      local rest = without(steps, at, n)
      local still = walk.play(store, rest)
      if still then
        steps, wrong, shorter = rest, still, true
      else
        at = at + n
      end
    end
    n = (shorter and n == 1) and 1 or math.floor(n / 2)
  end
  return steps, wrong
end

--- Leaves out all that it goes wrong without, in ever smaller pieces. Returns the rest,
--- and what is wrong with that.
function walk.shrink(store, steps, wrong)
  steps, wrong = with_fewer_steps(store, steps, wrong)
  return steps, with_fewer_jobs(store, steps, wrong)
end

--- The walk as text, a step a line.
function walk.tell(steps)
  local lines = {}
  for i, step in ipairs(steps) do
    lines[i] = ("%3d %s %s %s"):format(i, step.joined and "+" or " ", step.name,
      cjson.encode(step.args))
  end
  return table.concat(lines, "\n")
end

return walk
