-- Operations over many jobs by filter, for the model of the queue: what they have in
-- common.
local expect = require("spec.support.model.words").expect

local bulk = {}

-- By id, or everything that is in the states.
local function send(queue, args)
  local request = { max = args.max, states = args.states }
  if args.pick then
    local job = queue:pick(args.pick)
    request.ids = { job and job.id or 1 }
  end
  return request
end

local function is_in(state, states)
  for _, one in ipairs(states) do
    if one == state then
      return true
    end
  end
  return #states == 0
end

local function select(queue, request, allowed, is_kept)
  local id = request.ids and request.ids[1]
  local list = queue:select(function(job)
    return allowed[job.state] and is_in(job.state, request.states)
      and (not id or job.id == id) and not (is_kept and is_kept(queue, job))
  end)
  for i = #list, request.max + 1, -1 do
    list[i] = nil
  end
  return list
end

--- `what`: of, weight, states (lists to draw from), allowed(request) (states that it
--- concerns at all), is_kept(queue, job) (jobs that it passes by, or nil), act(queue,
--- jobs, answer) (returns what is wrong).
function bulk.operation(what)
  return {
    of = what.of,
    weight = what.weight,
    draw = function(r)
      return { max = r(4), pick = r(3) == 1 and r(1000) or nil,
        states = what.states[r(#what.states)] }
    end,
    send = send,
    check = function(queue, request, answer)
      local list = select(queue, request, what.allowed(request), what.is_kept)
      return what.act(queue, list, answer) or expect("count", answer.count, #list)
    end,
  }
end

return bulk
