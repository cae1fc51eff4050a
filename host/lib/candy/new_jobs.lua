-- Lists of jobs that are wanted, each a table such as { type = ..., payload = {...} }, as
-- the host reads them. Serves candy.queue.push_many, candy.batch and job:fan_out.
local core = require("candy.core")
local new_job = require("candy.new_job")
local options = require("candy.options")

local new_jobs = {}

--- What the host is asked for to enqueue one job.
---@param what string  the public function, for errors
---@param job table
---@param put function?  new_job.spec, by default, or new_job.message
function new_jobs.one(what, job, put)
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
  return (put or new_job.spec)(what, job.type, job.payload, opts)
end

--- The same for a list.
function new_jobs.list(what, jobs, put)
  local specs = core.array({})
  if type(jobs) ~= "table" then
    core.misuse(("%s: the argument must be a list of jobs, not %s")
      :format(what, options.show(jobs)))
  elseif not options.is_list(jobs) then
    core.misuse(what .. ": the list of jobs has holes, or names besides its elements; it "
      .. "is { { type = ..., payload = {...} }, ... }")
  end
  for i, job in ipairs(jobs) do
    specs[i] = new_jobs.one(what, job, put)
  end
  return specs
end

return new_jobs
