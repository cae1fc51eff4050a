-- candy.queue: new jobs.
local core = require("candy.core")
local frozen = require("candy.frozen")
local new_job = require("candy.new_job")
local options = require("candy.options")
local wait = require("candy.wait")

---@class candy.EnqueueOptions
---@field delay candy.Duration?  how long the job waits at least
---@field run_at integer|string?  when it may run: milliseconds since 1970, or RFC 3339
---@field priority integer?  smaller runs first; the task's by default
---@field queue string?  where it waits; the task's by default
---@field tags string[]?  at most 20
---@field key string?  what the job is about
---@field max_retries integer?  how often it is tried again; the task's by default

---@class candy.NewJob: candy.EnqueueOptions
---@field type string|candy.Task  a task's name or handle
---@field payload table?  {} by default

local queue = {}

local function enqueue(what, specs)
  local answer, err = wait.request(what, "enqueue", { jobs = core.array(specs) })
  if not answer then
    return nil, err
  end
  return answer.ids
end

--- Enqueues a job.
---@param task string|candy.Task  a task's name or handle
---@param payload table?  {} by default
---@param opts candy.EnqueueOptions?
---@return string? id, candy.Error? err  the id once the job is on disk
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
---@param jobs candy.NewJob[]
---@return string[]? ids, candy.Error? err
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
