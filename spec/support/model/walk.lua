-- Random walks: draws operations from a seed, plays them to the store and to the model in
-- step, and makes what differs as short as it can be.
--
-- A walk is a list of steps { name, args, joined }: `joined` goes into the turn of the
-- step before. All that a step means is in it, so any part of a walk is a walk.
local cjson = require("cjson")
local operations = require("spec.support.model.operations")
local Queue = require("spec.support.model.queue")

local walk = {}

local LENGTH = 40 -- steps, at most
local DRAIN = 50 -- jobs at a time
local START_MS = 1700000000000
local LATER_MS = 86400000
local LOOK_TURNS = 3 -- all jobs are compared after so many turns, and at the end
local PHASES = { "finishes", "others", "scripts", "claims" }
local EFFECTS = "create table effects (id integer, lease integer not null)"

local ALL_TYPES = { op = "types", types = {
  { name = "a", once = false }, { name = "b", once = false },
  { name = "rare", once = false }, { name = "once", once = true },
} }

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
  restart = {
    weight = 2,
    draw = function()
      return {}
    end,
    act = function(play)
      play.store:ask({ ["do"] = "restart" })
      play.queue:restart()
    end,
  },
}

-- ---- drawing ----

local names = {} -- each as often as its weight says
for _, set in ipairs({ operations, moves }) do
  local sorted = {}
  for name in pairs(set) do
    sorted[#sorted + 1] = name
  end
  table.sort(sorted)
  for _, name in ipairs(sorted) do
    for _ = 1, set[name].weight do
      names[#names + 1] = name
    end
  end
end

--- The walk of a seed. It begins with types, so that there is something to claim.
function walk.draw(seed)
  math.randomseed(seed)
  local r = math.random
  local steps = { { name = "types", args = { types = { { name = "a", once = false },
    { name = "b", once = false }, { name = "once", once = true } } } } }
  for i = 2, r(5, LENGTH) do
    local name = names[r(#names)]
    steps[i] = { name = name, args = (operations[name] or moves[name]).draw(r),
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

-- The model follows in the order in which the store runs them.
local function follow(play, ops, answers)
  for _, phase in ipairs(PHASES) do
    for i, op in ipairs(ops) do
      if phase_of(op) == phase then
        local answer = answers[i]
        local wrong = answer.error and answer.error.message
          or operations[op.op].check(play.queue, op, answer)
        if wrong then
          return op.op .. ": " .. wrong
        end
      end
    end
  end
end

function Play:turn(ops)
  if not ops[1] then
    return nil
  end
  local answer = self.store:ask({ ["do"] = "turn", ops = ops })
  self.turns = self.turns + 1
  return follow(self, ops, answer.answers)
    or self.turns % LOOK_TURNS == 0 and self:compare() or nil
end

function Play:compare()
  return self.queue:compare(self.store:ask({ ["do"] = "jobs" }).items)
end

local function finish_all(queue, ops)
  for i, job in ipairs(queue:in_state("running")) do
    if i < DRAIN then
      ops[#ops + 1] = { op = "finish", id = job.id, lease = job.lease, outcome = "ok",
        delay = 0, children = {}, writes = {} }
    end
  end
end

-- At the end everything must come to its end: nothing is stuck or comes twice.
function Play:drain()
  moves.advance.act(self, { ms = LATER_MS })
  local wrong = self:turn({ ALL_TYPES })
  repeat
    local ops = { { op = "claim", max = DRAIN } }
    finish_all(self.queue, ops)
    wrong = wrong or self:turn(ops)
  until wrong or not ops[2] and not self.queue:in_state("running")[1]
  return wrong or self:find_stuck()
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
      move.act(play, steps[at].args)
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
  store:ask({ ["do"] = "open" })
  store:ask({ ["do"] = "schema", sql = EFFECTS })
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
    local jobs = step.args.jobs or {}
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
