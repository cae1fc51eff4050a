-- What the scripts of all subjects begin with. Whatever a job does is a row of one table,
-- `steps`, so that the order of its numbers is the order in which things happened:
-- ended = 0 is written at once when an attempt begins, 1 comes with the job's completion
-- (job:write), 2 with a fan-out.
local script = {}

script.SCHEMA = [[
candy.schema("soak", {
  "create table steps (seq integer primary key, ended integer, id integer, "
    .. "lease integer, n integer, value)",
})
]]

script.PRELUDE = [==[
local candy = require("candy")

local STEP = "insert into steps (ended, id, lease, n, value) values (?, ?, ?, ?, ?)"

local function begin(job)
  assert(candy.db.exec(STEP, 0, tonumber(job.id), job.lease, job.payload.n, nil))
end

local function effect(job, value, ended)
  job:write(STEP, ended or 1, tonumber(job.id), job.lease, job.payload.n, value)
end

-- Some milliseconds, from 0 to below `most`; the same ones for each attempt.
local function rest(job, most)
  candy.sleep((job.payload.n % most) .. "ms")
end

-- Waits until all of the jobs from payload.first to payload.last run at the same time.
local function meet(job)
  local p, count = job.payload, 0
  while p.first and count < p.last - p.first + 1 do
    candy.sleep("20ms")
    count = assert(candy.db.one([[select count(distinct n) count from steps
      where ended = 0 and seq > (select max(seq) - 1000 from steps)
        and n between ? and ?]], p.first, p.last)).count
  end
end

local function task(name, opts, fn)
  opts.payload = { n = "integer", k = "integer?", part = "integer?", v = "integer?",
    first = "integer?", last = "integer?" }
  opts.max_retries = opts.max_retries or 20
  opts.backoff = { "500ms", "2s", "5s" }
  candy.task(name, opts, fn)
end

-- A job that takes a while, and does nothing but tell so.
local function plain(name, opts, most)
  task(name, opts, function(job)
    begin(job)
    meet(job)
    rest(job, most)
    effect(job)
  end)
end

]==]

return script
