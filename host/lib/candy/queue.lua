-- candy.queue: new jobs.
local core = require("candy.core")
local frozen = require("candy.frozen")
local new_job = require("candy.new_job")
local options = require("candy.options")
local wait = require("candy.wait")

local queue = {}

local function enqueue(what, specs)
  local answer, err = wait.request(what, "enqueue", { jobs = core.array(specs) })
  if not answer then
    return nil, err
  end
  return answer.ids
end

--- Enqueues a job.
---@param task string|table  a task's name or handle
---@param payload table?  {} by default
---@param opts table?  delay run_at priority queue tags key max_retries
---@return string? id, table? err  the id once the job is on disk
function queue.push(task, payload, opts)
  local ids, err = enqueue("candy.queue.push", {
    new_job("candy.queue.push", task, payload, opts),
  })
  return ids and ids[1], err
end

local function parts(what, job)
  if type(job) ~= "table" then
    core.misuse(("%s: a job is a table such as { type = ..., payload = {...} }, not %s")
      :format(what, options.show(job)))
  end
  local opts = {}
  for name, value in pairs(job) do
    if name ~= "type" and name ~= "payload" then
      opts[name] = value
    end
  end
  return job.type, job.payload, opts
end

--- Enqueues many jobs, all of them or none.
---@param jobs table[]  each { type = task, payload = {...}, and the options of push }
---@return string[]? ids, table? err
function queue.push_many(jobs)
  local what, specs = "candy.queue.push_many", {}
  if type(jobs) ~= "table" then
    core.misuse(("%s: the argument must be a list of jobs, not %s")
      :format(what, options.show(jobs)))
  end
  for i, job in ipairs(jobs) do
    specs[i] = new_job(what, parts(what, job))
  end
  if #specs == 0 then
    return core.array({})
  end
  return enqueue(what, specs)
end

return frozen.freeze(queue, "candy.queue")
