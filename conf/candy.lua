-- Candy's settings, each with its default. This file is plain data: it is evaluated
-- without any Lua library, in a process of its own, and must return a table.
--
-- What is set in <environment>.lua beside it wins over this file, then .env and
-- .env.local, then the process environment (CANDY_WORKER_SLOTS for worker.slots), then
-- flags.
-- docs/reference/configuration.md tells more.
return {
  -- Where HTTP listens. Port 0 picks a free one; 0.0.0.0 or :: listen on every address.
  listen = "localhost",
  port = 3010,

  -- The folder of the store, its lock and the control socket.
  data = "data",

  -- The folders that scripts are loaded from.
  scripts = { "scripts" },

  -- "sqlite:" is a file in the data folder.
  store = "sqlite:",

  -- true answers before a job is on disk: faster, and a power cut may lose the last jobs.
  store_relaxed = false,

  -- How many worker processes: a number, or "auto" for one a core.
  workers = "auto",

  worker = {
    slots = 64, -- jobs that one worker runs at a time
    memory = "256mb", -- for the Lua of one worker
    stall = "5s", -- a worker that stands still for longer is killed
    result_max = "1mb", -- the largest result that a job may return
  },

  -- The programs that jobs may run (candy.process): names such as "ffmpeg", or absolute
  -- paths. docs/how-to/run-programs.md tells more.
  process = {
    allow = {},
    memory = "1gb", -- for each process of a program
    max = 32, -- programs that one worker runs at a time; others wait in line
  },

  file = {
    job_max = "1gb", -- what a job may write to its temporary folder (candy.file)
  },

  -- For tasks that do not say it themselves.
  task = {
    timeout = "5m", -- how long an attempt may run
    max_retries = 3,
  },

  -- How long finished jobs stay readable; cancelled ones as long as completed ones.
  keep = {
    completed = "24h",
    dead = "30d",
    logs = "30d", -- lines of the log table, and how many of them at most
    logs_max = 1000000,
  },

  -- How long running jobs may go on once the host is asked to stop.
  stop_grace = "30s",

  http = {
    body_max = "5mb", -- the largest body that a request may have
    connections_max = 10000,
  },

  log = {
    level = "info", -- debug, info, warn or error
  },
}
