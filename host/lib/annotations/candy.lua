---@meta candy
-- What scripts can use, for editors: docs/how-to/editor.md. Made by `make docs`
-- from the comments of host/lib/candy/*.lua: change them there.

--- A text of a number and ms, s, m, h or d, such as "250ms", "30s", "5m", "2h", "7d"; or
--- a number of seconds.
---@alias candy.Duration string|number

---@class candy.TaskOptions
---@field payload table?  its shape, as above; any object by default
---@field additional boolean?  true: fields that are not declared are allowed
---@field max_retries integer?  how often it is tried again after a failure; 3 by default
---@field backoff candy.Duration|candy.Duration[]|nil  how long a retry waits: always so long, or the n-th one as the n-th of a list says, and all behind its end as its last one does. By default n^4 seconds, an hour at most, half of that fixed and half random
---@field timeout candy.Duration?  how long an attempt may take; "5m" by default, and without end with a heartbeat
---@field heartbeat candy.Duration?  the longest silence: job:heartbeat, job:progress and job:save break it, and a job that is silent for longer fails with `heartbeat_lost`
---@field cancel_grace candy.Duration?  how long a cancelled job may go on; "10s" by default
---@field deadline candy.Duration?  from enqueue to its end: a job that waits longer never starts and is dead with the code `deadline`; one that runs is cancelled, and dead
---@field queue string?  where its jobs wait; "default" by default
---@field priority integer?  smaller runs first; 0 by default
---@field rerun boolean?  false: never again by itself once it began and was lost; true by default
---@field unique boolean|string[]|candy.Unique|nil  jobs with the same payload, or the same fields of it, are enqueued once
---@field debounce candy.Duration|candy.Debounce|nil  jobs run so long after the last call
---@field throttle candy.Duration|candy.Throttle|nil  one job in so long a time
---@field singleton string?  `skip`, `queue`, `cancel_previous` or `cancel_queued`
---@field description string?  a text for people
---@field key string?  what a job is about, made of its payload: "{account}", "{site.id}", "{workspace}:{account}"; a `key` that is given with the job wins
---@field concurrency integer?  at most so many of its jobs run at a time
---@field rate string?  at most so many begin within a time: "100/1m"
---@field key_concurrency integer?  the same for the jobs of each key
---@field key_rate string?
---@field order "strict"?  the jobs of one key run one after the other in the order in which they came, retries included; `priority` counts for nothing then. Needs `key`

---@class candy.Unique
---@field fields string[]?  of the payload; all of it by default
---@field states string[]?  in which a job counts; all unfinished ones by default
---@field window candy.Duration?  it counts for so long after it was created

---@class candy.Debounce
---@field wait candy.Duration  from the last call on
---@field max_wait candy.Duration?  but no longer than so from the first one on
---@field fields string[]?  only calls with the same values in these are put together

---@class candy.Throttle
---@field window candy.Duration  from the creation of the one job on
---@field fields string[]?  one job for each of the values in these

--- A declared task. Where a task's name is asked for, this serves as well.
---@class candy.Task
---@field name string
local Task = {}

--- Enqueues a job of it, as candy.queue.push.
---@param payload table?  {} by default
---@param opts candy.EnqueueOptions?
---@return string? id
---@return candy.Error? err
---@return boolean? duplicate
function Task:enqueue(payload, opts) end

---@class candy.Job
---@field id string  of this job, as everywhere else
---@field type string  the task's name
---@field payload table  the input, as the task's shape wants it; a JSON null reads as nil
---@field attempt integer  1 at the first attempt
---@field max_retries integer  how often it is tried again after a failure
---@field lease integer  grows at each attempt: a fencing token for what is done outside
---@field queue string  where it waited
---@field key string?  as it was given when the job was enqueued
---@field tags string[]  as they were given
---@field workspace string  "default", until there are others
---@field created_at integer  when it was enqueued, in milliseconds since 1970
---@field batch string?  the batch that it belongs to, or that it follows
---@field trace_id string  shared with the jobs that it enqueues, and found in the log
---@field checkpoint any  what job:save of an earlier attempt kept; nil at first
---@field log candy.log  as candy.log
local Job = {}

--- Tells how far the job is.
---@param percent number  0 to 100
---@param message string?  for people who watch
---@return boolean? ok  code `stale_lease` when another attempt has taken the job over
---@return candy.Error? err
function Job:progress(percent, message) end

--- Keeps a checkpoint, which the next attempt finds as job.checkpoint.
---@param checkpoint any  what JSON can hold
---@return boolean? ok  code `stale_lease` as with job:progress
---@return candy.Error? err
function Job:save(checkpoint) end

--- Adds a write that is done when the job completes, in the same transaction.
---@param sql string
---@param ... string|number|boolean|nil  the parameters
function Job:write(sql, ...) end

--- Adds a job that is enqueued when this one completes, in the same transaction.
---@param task string|candy.Task  a task's name or handle
---@param payload table?  {} by default
---@param opts candy.EnqueueOptions?
function Job:enqueue(task, payload, opts) end

--- Adds an event that is emitted when this one completes, in the same transaction.
---@param name string
---@param data any?  what JSON can hold
function Job:emit(name, data) end

--- `return job:snooze("5m")`: run the job again later, without counting an attempt.
---@param duration candy.Duration
---@return any  what the task's function has to return
function Job:snooze(duration) end

--- Whether the job is to end, because somebody cancelled it or its deadline has passed.
---
--- A wait of such a job raises an error with the code `cancelled` or `deadline`, and so
--- does each further one. The task has `cancel_grace` for its last words, then it is
--- ended from outside. What it does return in time counts: the job is completed. With
--- `nil, err` or an error the job ends as it was asked.
---
--- ```lua
--- candy.task("count_stars", { cancel_grace = "2s" }, function(job)
---   for star = 1, 1000 do
---     local cancelled, why = job:cancelled()
---     if cancelled then
---       return nil, "stopped at star " .. star .. ": " .. why
---     end
---     candy.sleep(0.01)
---   end
--- end)
--- ```
---@return boolean cancelled
---@return string? why
function Job:cancelled() end

--- Says that the job lives, where its task has a `heartbeat`. It costs next to nothing.
function Job:heartbeat() end

--- `return job:fan_out(jobs)`: enqueue children and wait for them. The job takes up no
--- worker meanwhile and counts no attempt; it runs again when all of them have ended, in
--- whatever way, and finds them in job:children. What job:write and job:enqueue collected
--- is done now, in the same transaction.
---
--- ```lua
--- -- scripts/pages.lua
--- local candy = require("candy")
---
--- candy.task("page", { payload = { n = "integer" } }, function(job)
---   return job.payload.n * 10
--- end)
---
--- candy.task("book", { payload = { pages = "integer" } }, function(job)
---   local children = job:children()
---   if not children then
---     local pages = {}
---     for n = 1, job.payload.pages do
---       pages[n] = { type = "page", payload = { n = n } }
---     end
---     return job:fan_out(pages, { at_most = 8 })
---   end
---   local sum = 0
---   for _, child in ipairs(children) do
---     sum = sum + (child.result or 0)
---   end
---   return sum
--- end)
--- ```
---
--- ```console
--- $ candy enqueue book '{"pages":4}' --wait
--- 100
--- ```
---@param jobs candy.NewJob[]  at most 10,000
---@param opts candy.FanOptions?
---@return any  what the task's function has to return
function Job:fan_out(jobs, opts) end

--- What the children of the last job:fan_out came to, in their order; nil when there was
--- none yet. What keeps it from telling is raised.
---@return candy.Child[]?
function Job:children() end

---@class candy.FanOptions
---@field at_most integer?  how many of the children run at a time
---@field fail_on_death boolean?  true: when a child is dead, the others are cancelled, and job:children raises, which is the end of this job too

---@class candy.Child
---@field id string
---@field type string
---@field state string  completed, dead or cancelled
---@field result any  of a completed one
---@field error table?  of another one: code and message

--- What went wrong.
---@class candy.Error
---@field code string  a short name for programs: "version_conflict", "too_large"
---@field message string  for people: what, where and what to do
---@field line integer?  where in a text, when one could not be read
---@field column integer?
---@field retry_after number?  seconds after which another attempt makes sense
---@field permanent boolean?  true: no other attempt makes sense

---@class candy.Changes
---@field changes integer  how many rows were changed
---@field last_id integer  the id of the row that was inserted last, or 0

--- What works inside of candy.db.tx: each takes and answers what those of candy.db do.
---@class candy.Transaction
---@field query fun(sql: string, ...: any): table[]?, candy.Error?
---@field one fun(sql: string, ...: any): table?, candy.Error?
---@field exec fun(sql: string, ...: any): candy.Changes?, candy.Error?

---@class candy.KvSetOptions
---@field expires candy.Duration?  how long the value stays; for ever by default
---@field if_version integer?  write only when it is at this version; 0: only when there is none yet

---@class candy.KvAddOptions
---@field expires candy.Duration?  from when there is none yet

---@class candy.KvDeleteOptions
---@field if_version integer?  delete only when it is at this version

---@class candy.KvListOptions
---@field limit integer?  1 to 1000; 100 by default
---@field after string?  only keys behind this one

---@class candy.KvItem
---@field key string
---@field value any
---@field version integer

---@class candy.EnqueueOptions
---@field delay candy.Duration?  how long the job waits at least
---@field run_at integer|string?  when it may run: milliseconds since 1970, or RFC 3339
---@field priority integer?  smaller runs first; the task's by default
---@field queue string?  where it waits; the task's by default
---@field tags string[]?  at most 20
---@field key string?  what the job is about, for limits, order and fairness; made by the task's own `key` by default
---@field max_retries integer?  how often it is tried again; the task's by default
---@field deadline string|integer?  by when it is to have ended: so long from now ("30m"), or a time (RFC 3339, or milliseconds since 1970); the task's by default
---@field unique boolean|string[]|candy.Unique|nil  which jobs are the same, as candy.task takes it, in place of all that the task says of that; false: none
---@field after string|string[]|nil  ids of jobs that must complete first; or "#" and the `ref` of one in front of it in the same list
---@field after_failure string?  what becomes of it when one of them does not complete: "cancel" (by default) or "run"
---@field ref string?  a name for it, for those behind it in the same list
---@field batch string?  the id of the batch that it joins

---@class candy.NewJob: candy.EnqueueOptions
---@field type string|candy.Task  a task's name or handle
---@field payload table?  {} by default

---@class candy.QueueOptions
---@field concurrency integer?  at most so many of its jobs run at a time
---@field rate string?  at most so many begin within a time: "1000/1h"
---@field key_concurrency integer?  the same for the jobs of each key
---@field key_rate string?
---@field order "strict"|"strict_by_key"|nil  all of its jobs, or those of each key, run one after the other in the order in which they came, retries included; priorities count for nothing then
---@field fair boolean?  true: its keys take turns; not with ageing, nor order = "strict"
---@field weights table<string, integer>?  how often each key's turn comes, with `fair`; 1 by default
---@field ageing candy.Duration?  so long a wait is worth one step of priority

---@class candy.PauseOptions
---@field task boolean?  true: the name is a task's, not a queue's
---@field reason string?  for people, at most 500 bytes

--- What a request is made of.
---@class candy.http.Options
---@field url string?  "https://host/path"; candy.http.request needs it here
---@field method string?  "GET" by default
---@field query table|string|nil  added to the URL; { tag = { "a", "b" } } repeats a name
---@field headers table?  texts by name, or lists of texts
---@field body any  a text, a function that returns pieces and nil at the end, or a file
---@field json any  a value, sent as JSON
---@field form table|string|nil  sent as a form (application/x-www-form-urlencoded)
---@field multipart table[]?  parts { name, value } or { name, content, filename, type }, whose content is what a body can be
---@field auth table?  { bearer = token }, or { user = name, password = word }
---@field timeout string|number|nil  for everything but the wait for its turn ("30s"; none for streams)
---@field connect_timeout string|number|nil  resolving, connecting, TLS ("10s")
---@field first_byte_timeout string|number|nil  of the answer ("30s" for streams, else none)
---@field idle_timeout string|number|nil  the longest silence in a body ("60s" for streams, else none)
---@field redirects number|boolean|nil  how many are followed (10); false: they are answers like others
---@field downgrade boolean?  true: redirects may lead from https to http
---@field max_bytes string|number|nil  the largest body, decompressed ("10mb"; any for streams)
---@field retries number|table|nil  how often to try again (0), or { max = 3, on = { 429, "timeout" }, max_wait = "60s", any_method = false }. Tried again are 429 and requests that never reached the server; with GET, HEAD, OPTIONS, PUT, DELETE or any_method also lost connections, time-outs, 502, 503 and 504; `on` names others. A Retry-After is honoured up to max_wait and the job's own time. A body that is a stream is never sent twice
---@field guard boolean?  true, for URLs that users give: nothing private is reached, whatever the name, its addresses or redirects say, and no proxy is used. By default the URL itself may be private, and redirects to other hosts may not. false: no check
---@field proxy boolean?  false: past the proxy of the settings
---@field stream boolean?  return when the head has come, as candy.http.stream does
---@field expect string?  "ok": other statuses than 200 to 299 are errors, as res:check() has them

--- The answer to a request.
---@class candy.http.Response
---@field status number  200, 404 ...
---@field ok boolean  whether the status is 200 to 299
---@field headers table  texts by name in any case; res.headers:all("set-cookie")
---@field body string?  unless it is a stream
---@field url string  after redirects
---@field redirects number  how many there were
---@field version string  of HTTP: "1.1", "2"
---@field timings table  milliseconds: connect, first_byte, total, and line: until its turn came
local Response = {}

--- The next piece of a streamed body, as large as it came (256 KB at most).
---@return string? bytes  nil at the end; nil, err when the rest is lost
---@return table? err
function Response:read() end

--- Goes through the pieces of a streamed body: `for bytes in res:chunks() do`. Raises an
--- error value when the rest is lost, so that half a body is never taken for a whole.
---@return fun(): string?
function Response:chunks() end

--- Goes through the lines of a body, without their ends (LF or CRLF). Raises an error
--- value when the rest is lost, or a line is longer than 1 MB.
---@return fun(): string?
function Response:lines() end

--- Goes through the events of a stream of server-sent events: `for event in res:events()
--- do`. Raises an error value when the rest is lost, or an event is larger than 1 MB.
---@param last_id string?  what `id` is until the stream says another
---@return fun(): candy.http.Event?
function Response:events(last_id) end

--- The whole body: of a stream, what was not read yet.
---@return string? text
---@return table? err
function Response:text() end

--- The body as JSON.
---@return any value  code "bad_json" with line and column
---@return table? err
function Response:json() end

--- The response itself when its status is 200 to 299, else an error: `return res:check()`
--- lets a job's retries do the rest, after the time that the server asks for.
---@return candy.http.Response? res  code "http_503", status, and retry_after in seconds when the server says it
---@return table? err
function Response:check() end

--- Ends a stream before its end.
function Response:close() end

--- One server-sent event.
---@class candy.http.Event
---@field event string  "message" unless the server says another
---@field data string
---@field id string  the last that the server has sent, or ""
---@field retry number?  milliseconds to wait before connecting again

---@class candy.LogSearch
---@field level "debug"|"info"|"warn"|"error"|nil  it and what is worse
---@field type string|string[]|nil  of a task, or of several
---@field job string?  a job's id
---@field trace string?  a job with its children
---@field since integer|string?  a time
---@field until integer|string?  a time
---@field q string?  words that the line must have, in its message or fields; "two words" in a row; begin* of one
---@field limit integer?  1 to 1000; 100 by default
---@field after integer?  what the last call returned beside the lines: go on with later ones
---@field before integer?  the same: go on with earlier ones

---@class candy.LogLine
---@field id integer
---@field time integer  milliseconds since 1970
---@field level "debug"|"info"|"warn"|"error"
---@field message string
---@field job_id string?
---@field attempt integer?
---@field type string?  the task's name
---@field trace_id string?
---@field worker string?
---@field workspace string
---@field fields table?

---@class candy.BatchOptions
---@field jobs candy.NewJob[]  at most 50,000; none is a batch that has ended
---@field name string?  for people
---@field at_most integer?  so many of them are let go at a time; the others are pending
---@field on_success candy.NewJob?  enqueued when all have completed
---@field on_complete candy.NewJob?  enqueued when all have ended in whatever way
---@field on_death candy.NewJob?  enqueued with the first that is dead

---@class candy.Batch
---@field id string
---@field name string?
---@field state string  running, completed, failed, cancelling or cancelled
---@field total integer  how many jobs it has
---@field completed integer
---@field dead integer
---@field cancelled integer
---@field percent number  how many have ended
---@field created_at integer  in milliseconds since 1970
---@field finished_at integer?
---@field followers table  on_success, on_complete, on_death: type, and id once enqueued

---@class candy.CronOptions
---@field tz string?  a name such as "Europe/Berlin"; UTC by default
---@field name string?  the task's by default; each cron has its own

---@class candy.SealOptions
---@field context string?  what the text belongs to, such as "account 7"; at most 1000 bytes

---@class candy.HandlerOptions
---@field max_retries integer?  as candy.task takes it, as the others
---@field timeout candy.Duration?
---@field queue string?
---@field priority integer?

--- What candy.spawn returns.
---@class candy.Fiber
local Fiber = {}

--- Waits until the function has ended.
---@return any ...  what it returned; nil, err with code `cancelled` when it was cancelled. What it raised is raised again
function Fiber:wait() end

--- Cancels the function: what it waits for is given up, and its wait raises; when it has
--- not begun, it never does. What it spawned is cancelled too.
function Fiber:cancel() end

--- Tells whether the function has ended.
---@return boolean
function Fiber:done() end

---@class candy.AllOptions
---@field concurrency integer?  how many run at a time; all of them by default, at most 10,000

---@class candy.ReadOptions
---@field max integer|string?  how much is read at most, such as "64mb", the default; more is the error `too_large`

---@class candy.FileStat
---@field size integer  bytes
---@field modified integer  milliseconds since 1970
---@field kind "file"|"folder"|"link"|"other"

--- An open file. It can be the body of a request and the input of a program; the end of
--- the job closes it.
---@class candy.File
local File = {}

--- Reads on from where the handle is.
---@param n? number|"all"  bytes (64 kB by default): fewer are returned only before the end of the file
---@param opts? candy.ReadOptions
---@return string? bytes  nil at the end ("" for "all" of an empty file)
---@return candy.Error? err
function File:read(n, opts) end

--- Iterates over the lines from where the handle is, without their ends. A line longer
--- than 1 MB, and a failure to read, are raised as error values.
---@return fun(): string?
function File:lines() end

--- Iterates over pieces of n bytes; the last one may be shorter. A failure to read is
--- raised as an error value.
---@param n? number  bytes, 64 kB by default
---@return fun(): string?
function File:chunks(n) end

--- Writes where the handle is; after open(name, "a") at the end.
---@param data string|number
---@return boolean? ok  codes: `disk_full`, `folder_full` (more than file.job_max), `too_large`; what fitted may have been written
---@return candy.Error? err
function File:write(data) end

--- Moves to where the next read or write is.
---@param whence? "set"|"cur"|"end"  what the offset counts from; "cur" by default
---@param offset? number  bytes, 0 by default
---@return number position  in bytes from the beginning
function File:seek(whence, offset) end

--- Closes it. A second time is no error; the end of the job closes what is open.
---@return boolean? ok
---@return candy.Error? err
function File:close() end

---@class candy.LockOptions
---@field wait candy.Duration?  how long to wait for it; "10s" by default, 0: not at all
---@field ttl candy.Duration?  how long the lease is, which is renewed while a function runs; "30s" by default

--- A lock that was taken.
---@class candy.HeldLock
---@field name string
---@field token integer  grows with each holder: what a lock guards can refuse a smaller one than it has seen
local HeldLock = {}

--- Makes the lease longer: it counts from now. Where a function runs in candy.lock.with
--- that is done by itself. Errors: `lock_lost`, those of the store.
---@param duration candy.Duration?  the one that it was taken with by default
---@return boolean? ok
---@return candy.Error? err
function HeldLock:extend(duration) end

--- Gives it back. A second time is no error; the end of the job gives back what is held.
--- Error: `lock_lost`, when the lease had ended before.
---@return boolean? ok
---@return candy.Error? err
function HeldLock:release() end

---@class candy.SpawnOptions
---@field timeout candy.Duration?  how long it may run
---@field memory integer|string?  for each of its processes, such as "100mb"; at most the setting process.memory
---@field cwd string?  a folder in the job's
---@field env table<string, string|number>?  what is added to its environment

---@class candy.RunOptions: candy.SpawnOptions
---@field stdin (string|candy.File|fun(): string?)?  a text, a file, or a function that returns pieces, and nil at the end
---@field output_max integer|string?  of each output; "1mb" by default

---@class candy.ProgramResult
---@field ok boolean  whether its code is 0
---@field code integer?  the code that it ended with
---@field signal string?  the signal that it was ended by, such as "SIGKILL"

---@class candy.RunResult: candy.ProgramResult
---@field stdout string
---@field stderr string

--- The standard input of a program.
---@class candy.ProgramInput
local ProgramInput = {}

--- Writes to the program's standard input, and waits while the program does not read.
---@param text string
---@return boolean? ok  code `input_closed`: the program reads no more
---@return candy.Error? err
function ProgramInput:write(text) end

--- Tells the program that there is no more input.
function ProgramInput:close() end

--- What a program writes to its standard output, or error.
---@class candy.ProgramOutput
local ProgramOutput = {}

--- Reads what the program has written, as it comes, and waits while there is nothing. The
--- program waits once 256 kB have not been read.
---@return string? bytes  nil at the end
function ProgramOutput:read() end

--- Iterates over the lines, without their ends. A line longer than 1 MB is raised as an
--- error value.
---@return fun(): string?
function ProgramOutput:lines() end

--- Iterates over what the program writes, as it comes.
---@return fun(): string?
function ProgramOutput:chunks() end

--- A program that runs.
---@class candy.Program
---@field stdin candy.ProgramInput
---@field stdout candy.ProgramOutput
---@field stderr candy.ProgramOutput
local Program = {}

--- Waits for the end of the program and of all that it started. Outputs can be read on.
---@return candy.ProgramResult? result
---@return candy.Error? err  code `program_timeout` or `program_start`
function Program:wait() end

--- Asks the program to end (SIGTERM to its group), and ends it and all that it started
--- when it has not after the grace. Does not wait.
---@param grace? candy.Duration  "2s" by default; 0: at once
function Program:kill(grace) end

---@class candy.XmlElement
---@field name string  as it is written, with its prefix: "dc:creator"
---@field attributes table<string, string>
---@field children (candy.XmlElement|string)[]  elements and texts, in their order

---@class candy.XmlOptions
---@field encoding string?  which one the text has, whatever it says itself: "UTF-8", "UTF-16", "ISO-8859-1", "US-ASCII" or "windows-1252"

---@class candy
local candy = {}

---@class candy.batch
---@overload fun(order: candy.BatchOptions): string?
candy.batch = {}

---@class candy.crypto
candy.crypto = {}

---@class candy.db
candy.db = {}

---@class candy.file
candy.file = {}

---@class candy.http
candy.http = {}

---@class candy.json
candy.json = {}

---@class candy.kv
candy.kv = {}

---@class candy.lock
---@overload fun(name: string, opts: candy.LockOptions, fn: fun(lock: candy.HeldLock): any): any
---@overload fun(name: string, fn: fun(lock: candy.HeldLock): any): any
candy.lock = {}

---@class candy.log
candy.log = {}

---@class candy.maintenance
candy.maintenance = {}

---@class candy.process
candy.process = {}

---@class candy.queue
candy.queue = {}

---@class candy.time
candy.time = {}

---@class candy.xml
candy.xml = {}

--- Declares tables: SQL, or a list of steps. Each step runs once, in its order. To change
--- a table later, add a step at the end; a step that was applied must not change.
---
--- ```lua
--- -- scripts/tables.lua
--- local candy = require("candy")
---
--- candy.schema("clicks", {
---   "create table clicks (url text, at integer)",
---   "create index clicks_by_url on clicks (url)",
--- })
---
--- candy.task("click", { payload = { url = "string" } }, function(job)
---   job:write("insert into clicks values (?, ?)", job.payload.url, candy.time.now())
--- end)
---
--- candy.task("clicks_of", { payload = { url = "string" } }, function(job)
---   local row = candy.db.one("select count(*) as n from clicks where url = ?",
---     job.payload.url)
---   return { clicks = row.n }
--- end)
--- ```
---
--- ```console
--- $ candy enqueue click '{"url":"https://example.org"}' --wait
--- null
--- $ candy enqueue clicks_of '{"url":"https://example.org"}' --wait
--- {"clicks":1}
--- ```
---@param name string  letters, digits and _ . : - /
---@param steps string|string[]  SQL
function candy.schema(name, steps) end

--- Waits while other jobs run.
---@param duration candy.Duration
function candy.sleep(duration) end

--- Declares a task: code with a name, which jobs run. Only at a file's top level.
---
--- Any option that is not known is an error that names the file and line.
---@param name string  letters, digits and _ . : -
---@param opts candy.TaskOptions  may be left out
---@param fn fun(job: candy.Job): any, any
---@return candy.Task task  a handle
---@overload fun(name: string, fn: fun(job: candy.Job): any, any): candy.Task
function candy.task(name, opts, fn) end

--- An error after which no other attempt makes sense: the job goes to the dead letters.
---
--- ```lua
--- candy.task("charge", { payload = { cents = "integer" } }, function(job)
---   if job.payload.cents <= 0 then
---     return nil, candy.permanent("nothing to charge")
---   end
--- end)
--- ```
---@param why string|candy.Error  a text, or an error whose code is kept
---@return candy.Error err
function candy.permanent(why) end

--- Reads rows. At most 10,000 rows or 8 MB, within 5 seconds.
---
--- Errors: `sql_error` (the statement, by the database's own words), `sql_forbidden` (a
--- table or a statement that is not for scripts), `sql_timeout`, `sql_too_many_rows`.
---@param sql string  one statement that only reads
---@param ... string|number|boolean|nil  the parameters, one for each `?`
---@return table[]? rows  each row a table by column; NULL is nil
---@return candy.Error? err
function candy.db.query(sql, ...) end

--- Reads the first row. Limits and errors are those of candy.db.query.
---@param sql string
---@param ... string|number|boolean|nil
---@return table? row  nil when there is none
---@return candy.Error? err
function candy.db.one(sql, ...) end

--- Changes rows, within 250 ms. Errors are those of candy.db.query.
---@param sql string  one statement
---@param ... string|number|boolean|nil
---@return candy.Changes? result
---@return candy.Error? err
function candy.db.exec(sql, ...) end

--- Runs a function within a transaction: what it writes is kept as a whole when it
--- returns, and not at all when it raises or returns nil and an error.
---
--- `tx` has query, one and exec, which take and answer what those of candy.db do. The
--- first of them that fails ends the transaction, whatever the function makes of it.
---
--- While it runs nobody else writes, so it takes 50 ms at most in all; past them the
--- error is `tx_timeout`, and nothing is kept. For the same reason nothing in it may wait
--- but its own queries: other calls that wait are misuse there, another transaction too.
--- Errors: `tx_timeout`, those of candy.db.query, `stale_lease` when another attempt has
--- taken the job over.
---
---     local left, err = candy.db.tx(function(tx)
---       local row = tx.one("select n from stock where item = ?", "pen")
---       if not row or row.n == 0 then
---         return nil, "none left"
---       end
---       tx.exec("update stock set n = n - 1 where item = ?", "pen")
---       return row.n - 1
---     end)
---@param fn fun(tx: candy.Transaction): any
---@return any value  what the function returned (true for nothing), or nil and an error
---@return any err
function candy.db.tx(fn) end

--- Reads a value.
---@param key string  1 to 500 bytes
---@return any value  nil when there is none; nil, err when it cannot be read
---@return integer|candy.Error|nil version
function candy.kv.get(key) end

--- Writes a value. With if_version it is compare-and-set: of several jobs that read the
--- same version and write, one succeeds and the others get `version_conflict`. Errors:
--- `version_conflict`, `kv_too_large` (more than 1 MB as JSON).
---@param key string  1 to 500 bytes
---@param value any  what JSON can hold
---@param opts candy.KvSetOptions?
---@return integer? version
---@return candy.Error? err
function candy.kv.set(key, value, opts) end

--- Adds to a number, which counts from 0 when there is none; what several jobs add at
--- the same time is added up. Exact up to 2^53. With expires, it counts within a window:
--- the time runs from the first that is added, and then it counts from 0 again. Error:
--- `kv_no_number` (there is something else under that key).
---@param key string  1 to 500 bytes
---@param by number?  1 by default
---@param opts candy.KvAddOptions?
---@return number? value  what it is now
---@return candy.Error? err
function candy.kv.add(key, by, opts) end

--- Removes a value. Error: `version_conflict`.
---@param key string
---@param opts candy.KvDeleteOptions?
---@return boolean? was_there
---@return candy.Error? err
function candy.kv.delete(key, opts) end

--- Lists values whose keys begin with a prefix, in the order of their keys (byte by
--- byte). A page has as many as limit says, but less when they are large (about 4 MB).
---
---     local after
---     repeat
---       local items, following = candy.kv.list("user:", { after = after })
---       for _, item in ipairs(items) do print(item.key, item.value) end
---       after = following
---     until not after
---@param prefix string  "" for all
---@param opts candy.KvListOptions?
---@return candy.KvItem[]? items  then `after` of the next page, or nil at the end; nil, err when they cannot be read
---@return string|candy.Error|nil following
function candy.kv.list(prefix, opts) end

--- Enqueues a job.
---@param task string|candy.Task  a task's name or handle
---@param payload table?  {} by default
---@param opts candy.EnqueueOptions?
---@return string? id  the id once the job is on disk; duplicate: it is that of a job that was there, and is the same as this one
---@return candy.Error? err
---@return boolean? duplicate
function candy.queue.push(task, payload, opts) end

--- Enqueues many jobs, all of them or none.
---
--- With `ref` and `after` a whole graph of jobs goes in at once:
---
--- ```lua
--- candy.queue.push_many({
---   { type = "fetch", ref = "a" },
---   { type = "fetch", ref = "b" },
---   { type = "join", after = { "#a", "#b" } },
--- })
--- ```
---@param jobs candy.NewJob[]
---@return string[]? ids  an id for each, in their order; duplicates[i]: the i-th is that of a job that was there, or stands before it in the list
---@return candy.Error? err
---@return table<integer, boolean>? duplicates
function candy.queue.push_many(jobs) end

--- Says how many jobs of a queue may run, and in which order. Only at a file's top level,
--- once for each queue. A queue needs no declaration to be used.
---
--- ```lua
--- -- scripts/social.lua
--- local candy = require("candy")
---
--- candy.queue.declare("social", {
---   concurrency = 10, key_rate = "30/1m",
---   fair = true, weights = { acme = 5 },
--- })
---
--- candy.task("share", { queue = "social", key = "{account}" }, function(job)
---   return job.key
--- end)
--- ```
---
--- ```console
--- $ candy enqueue share '{"account":"acme"}' --wait
--- "acme"
--- ```
---@param name string
---@param opts candy.QueueOptions
function candy.queue.declare(name, opts) end

--- Ends a job that waits or runs.
---
--- A waiting one is cancelled at once. One that runs is told: see job:cancelled.
---@param id string  of the job
---@param reason string?  for people, at most 500 bytes
---@return string? done  "cancelled", or "told" when it runs; code `not_found` when no such job waits or runs
---@return candy.Error? err
function candy.queue.cancel(id, reason) end

--- Lets a queue, or a task, rest: its jobs wait until it goes on. What runs is left
--- alone. Error: `unknown_task`, where no script declares the task.
---@param name string
---@param opts candy.PauseOptions?
---@return boolean? ok
---@return candy.Error? err
function candy.queue.pause(name, opts) end

--- Lets a queue or a task that rests go on.
---@param name string
---@param opts candy.PauseOptions?
---@return boolean? ok
---@return candy.Error? err
function candy.queue.resume(name, opts) end

--- Makes a request and waits for its answer.
---
--- An answer with any status is a response: look at res.ok, or ask for `expect = "ok"`.
--- nil, err means that there was none, or not a whole one. err.code is one of:
--- `bad_encoding` `bad_header` `bad_method` `bad_response` `bad_url` `closed_early`
--- `closed_mid_body` `connect_failed` `connect_timeout` `dns_failed` `insecure_redirect`
--- `private_address` `proxy_failed` `redirect_with_body` `timeout` `tls_failed`
--- `too_large` `too_many_redirects` `too_many_requests`. Those about the request itself
--- (`bad_url`, `bad_method`, `bad_header`) are permanent: returned by a job, they send it
--- to the dead letters at once.
---@param opts candy.http.Options
---@return candy.http.Response? res
---@return table? err
function candy.http.request(opts) end

--- GET. See candy.http.request for the options and the errors; so for the others.
---@param url string
---@param opts candy.http.Options?
---@return candy.http.Response? res
---@return table? err
function candy.http.get(url, opts) end

--- HEAD: the headers of a GET, without its body.
---@param url string
---@param opts candy.http.Options?
---@return candy.http.Response? res
---@return table? err
function candy.http.head(url, opts) end

--- POST.
---@param url string
---@param opts candy.http.Options?
---@return candy.http.Response? res
---@return table? err
function candy.http.post(url, opts) end

--- PUT.
---@param url string
---@param opts candy.http.Options?
---@return candy.http.Response? res
---@return table? err
function candy.http.put(url, opts) end

--- PATCH.
---@param url string
---@param opts candy.http.Options?
---@return candy.http.Response? res
---@return table? err
function candy.http.patch(url, opts) end

--- DELETE.
---@param url string
---@param opts candy.http.Options?
---@return candy.http.Response? res
---@return table? err
function candy.http.delete(url, opts) end

--- A request whose body is read as it comes: res:chunks(), res:lines(), res:events(),
--- res:read(), or res:text() and res:json() for all of it (within max_bytes, 10 MB).
--- Nothing is read faster than the script takes it. A stream that is not read to its end
--- is closed by res:close(), or with the job.
---@param url string
---@param opts candy.http.Options?
---@return candy.http.Response? res
---@return table? err
function candy.http.stream(url, opts) end

--- Goes through server-sent events, and connects again when the connection is lost:
--- `for event in candy.http.events(url) do`. Each is { event, data, id, retry }, as
--- res:events() of a stream gives them. Connecting again waits as the server asks (3 s by
--- default, longer after each failure) and sends Last-Event-ID. It ends when the server
--- answers 204; it raises an error value when the answer is no stream of events, unless
--- its status is 429 or 500 and above.
---@param url string
---@param opts table?  last_event_id: where to go on; reconnect: false raises when the connection is lost, and ends when the stream does; idle_timeout: the longest silence ("5m"); and the options of candy.http.request
---@return fun(): candy.http.Event?
function candy.http.events(url, opts) end

--- Bounds the requests to a host: those beyond wait for their turn, in order. The limit
--- holds for the requests of one worker, and replaces what was said before; at most
--- 10,000 requests wait in all (then: code "too_many_requests").
---@param host string  "api.example.com", or with a port "localhost:8080"
---@param opts table  concurrency: how many at a time; rate: "10/s", "100/m", "5/10s" (as many may go at once, and then one whenever its share of the time is over)
---@return boolean? ok  code "too_many_limits" beyond 1,000 hosts
---@return table? err
function candy.http.limit(host, opts) end

--- What helps to find a fault. Left out unless the setting log.level is "debug", as it
--- is in the environment development.
---@param message any
---@param fields table?  what JSON can hold
function candy.log.debug(message, fields) end

--- What is worth to be known.
---@param message any
---@param fields table?  what JSON can hold
function candy.log.info(message, fields) end

--- What somebody should look at.
---@param message any
---@param fields table?  what JSON can hold
function candy.log.warn(message, fields) end

--- What went wrong.
---@param message any
---@param fields table?  what JSON can hold
function candy.log.error(message, fields) end

--- Looks into the log table: newest lines first, or with `after` the oldest first behind
--- a line that was seen before.
---
--- A page may be short, or even empty, while there is more: a search looks at so many
--- lines at a time. Errors: `log_search` (the search has no word in it).
---
---     local seen = candy.kv.get("seen") or 0
---     local lines, seen_now = candy.log.search({ level = "warn", after = seen })
---@param opts candy.LogSearch?
---@return candy.LogLine[]? lines  then what to give as `after` (where it was given) or as `before` (nil at the end) to go on; nil, err when they cannot be read
---@return integer|candy.Error|nil following
function candy.log.search(opts) end

--- A value as JSON text. {} is an object unless candy.json.array made it.
---@param value any
---@return string? text  err.message names the place that does not fit
---@return candy.Error? err
function candy.json.encode(value) end

--- JSON text as a value.
---@param text string
---@return any value  err.message names line and column
---@return candy.Error? err
function candy.json.decode(text) end

--- Marks a table as an array, so that it is one when empty.
---@param list table?  a new one by default
---@return table list
function candy.json.array(list) end

--- Marks a table as an object: numbers among its keys become names.
---@param list table?  a new one by default
---@return table object
function candy.json.object(list) end

--- An integer of any length: a number up to 2^53, beyond that a value that keeps its
--- digits, can be compared with its like and turned into text.
---@param digits string
---@return any integer
function candy.json.integer(digits) end

--- Writes a null where a table cannot hold nil: in an array, or as a member.
---@type userdata
candy.json.null = nil

--- Milliseconds since 1970 UTC.
---@return integer ms
function candy.time.now() end

--- Milliseconds as "2026-11-22T08:00:00.000Z".
---@param ms number
---@return string text
function candy.time.format(ms) end

--- Reads RFC 3339, with any offset.
---@param text string
---@return integer? ms  code `bad_time`
---@return candy.Error? err
function candy.time.parse(text) end

--- Enqueues jobs as a batch, all of them or none. `candy.batch(order)` is the same.
---
--- Each job that follows is enqueued once. It knows the batch as `job.batch`, and is no
--- part of it. A running job of the batch adds to it by
--- `job:enqueue(type, payload, { batch = job.batch })`: the batch cannot end in between.
---@param order candy.BatchOptions
---@return string? id  duplicates[i]: the i-th is a job that was there, or stands before it in the list
---@return candy.Error? err
---@return table<integer, boolean>? duplicates
function candy.batch.new(order) end

--- Tells how far a batch is. Finished ones are kept as long as completed jobs are, those
--- with dead jobs as long as these.
---@param id string
---@return candy.Batch? batch  code `no_such_batch`
---@return candy.Error? err
function candy.batch.get(id) end

--- Cancels those of its jobs that wait, and tells those that run: see job:cancelled.
---@param id string
---@return boolean? running  false: it had ended already; or code `no_such_batch`
---@return candy.Error? err
function candy.batch.cancel(id) end

--- Declares when a task is due. Not run yet: it is checked, and listed by `candy crons`
--- and GET /crons.
---
--- The expression has five fields: minute (0-59), hour (0-23), day of month (1-31), month
--- (1-12 or jan-dec), day of week (0-7 or sun-sat; 0 and 7 are Sunday). A field is "*", a
--- value, a range "1-5", a list "1,3,5", or any of these with a step "*/15". Where both
--- days are given, either is enough. Or @hourly, @daily, @weekly, @monthly, @yearly.
---
---     candy.cron("0 8 * * 1-5", digest, { repo = "a/b" }, { tz = "Europe/Berlin" })
---@param expression string
---@param task string|candy.Task  a task's name or handle; it may be declared in another file
---@param payload table?  of each of its jobs; {} by default; checked against the task
---@param opts candy.CronOptions?
function candy.cron(expression, task, payload, opts) end

--- Hashes bytes. sha256 and sha512 are those of FIPS 180-4, blake2b that of RFC 7693 with
--- 32 bytes.
---@param algorithm string  "sha256", "sha512" or "blake2b"
---@param data string
---@param encoding string?  "hex" (the default), "base64", "base64url" or "raw"
---@return string
function candy.crypto.hash(algorithm, data, encoding) end

--- Authenticates bytes by a key: HMAC (RFC 2104). Compare it with what came by
--- candy.crypto.equal.
---@param algorithm string  "sha256" or "sha512"
---@param key string  bytes of any number
---@param data string
---@param encoding string?  "hex" (the default), "base64", "base64url" or "raw"
---@return string
function candy.crypto.hmac(algorithm, key, data, encoding) end

--- Compares two texts in a time that does not tell where they differ: for signatures,
--- tokens and passwords.
---@param a string
---@param b string
---@return boolean
function candy.crypto.equal(a, b) end

--- Random bytes of the system's generator, fit for keys.
---@param n integer  how many bytes: 1 to 65536
---@param encoding string?  "raw" (the default), "hex", "base64" or "base64url"
---@return string
function candy.crypto.random(n, encoding) end

--- A random token that nobody guesses: 32 bytes as base64url, which is 43 characters.
---@return string
function candy.crypto.token() end

--- A UUID (RFC 9562): random, or with the time in front, so that later ones sort behind
--- earlier ones to the millisecond.
---@param version integer?  4 (the default) or 7
---@return string
function candy.crypto.uuid(version) end

--- Bytes as base64 (RFC 4648, section 4), with padding.
---@param data string
---@return string text
function candy.crypto.to_base64(data) end

--- Reads base64, with its padding or without. Error: `bad_base64`.
---@param text string
---@return string? data
---@return candy.Error? err
function candy.crypto.from_base64(text) end

--- Bytes as base64url (RFC 4648, section 5), without padding.
---@param data string
---@return string text
function candy.crypto.to_base64url(data) end

--- Reads base64url, with padding or without. Error: `bad_base64`.
---@param text string
---@return string? data
---@return candy.Error? err
function candy.crypto.from_base64url(text) end

--- Bytes as lower-case hex digits.
---@param data string
---@return string text
function candy.crypto.to_hex(data) end

--- Reads hex digits of either case. Error: `bad_hex`.
---@param text string
---@return string? data
---@return candy.Error? err
function candy.crypto.from_hex(text) end

--- Encrypts a text so that only this host's installation can read it again, and sees when
--- it was changed: XChaCha20-Poly1305 with a key that never leaves the host. For what is
--- kept in a table or in candy.kv, such as tokens of accounts.
---
--- The context says what the text belongs to ("account 7"); it is not kept in what comes
--- out, and the text opens with the same one only. Errors: `seal_key`.
---@param text string  any bytes, 8 MB at most
---@param opts candy.SealOptions?
---@return string? sealed  a text "c1.KEY.BASE64URL", safe in JSON and URLs
---@return candy.Error? err
function candy.crypto.seal(text, opts) end

--- Decrypts what candy.crypto.seal made. Errors: `bad_seal` (it is no sealed text),
--- `seal_broken` (it was changed, or sealed for another context), `unknown_seal_key` (it
--- was sealed by another key than the host has now), `seal_key`.
---@param sealed string
---@param opts candy.SealOptions?  the context that it was sealed for
---@return string? text
---@return candy.Error? err
function candy.crypto.open(sealed, opts) end

--- Declares a handler: a function that runs as a job whenever the event is emitted.
---
--- The job's payload is { event = its name, data = what it was emitted with, time = when
--- (milliseconds since 1970), source = the id of the job that emitted it, or "host",
--- depth = 1, and one more where another handler emitted it }. Each event is handled at
--- least once by each handler that was declared when it was emitted.
---
--- Candy itself emits `job.dead` ({ id, type, error = { code, message } }), for jobs that
--- are no handlers themselves, also when one dies at its deadline and never began;
--- `scripts.loaded` and `scripts.failed`. These can get lost when the host dies at that
--- moment.
---@param name string  letters, digits and _ . : -; with "*" at its end ("order.*") it stands for all events that begin so
---@param opts candy.HandlerOptions  may be left out
---@param fn fun(job: candy.Job): any, any
---@overload fun(name: string, fn: fun(job: candy.Job): any, any)
function candy.on(name, opts, fn) end

--- Tells all handlers of an event that it happened: enqueues a job for each, all
--- or none. Returns once they are on disk. A handler may emit events too, but no more
--- than 8 deep. Errors: `event_too_deep`, `event_too_large` (more than 1 MB of data).
---@param name string  letters, digits and _ . : -
---@param data any?  what JSON can hold
---@return integer? handlers  how many there are
---@return candy.Error? err
function candy.emit(name, data) end

--- Runs a function beside the one that goes on. A job ends when all that it spawned has
--- ended; a failure cancels the rest. An error that a function raises, and that nobody
--- waited for, fails the job.
---@param fn function
---@param ... any  its arguments
---@return candy.Fiber fiber  a handle
function candy.spawn(fn, ...) end

--- Runs a function for a time at most.
---@param duration candy.Duration
---@param fn function
---@param ... any  its arguments
---@return any ...  what it returned; nil, err with code `timeout` when it took longer: then it is cancelled
function candy.timeout(duration, fn, ...) end

--- Runs functions at the same time and waits for all of them. The first one that fails
--- (returns nil, err, or raises) ends the others.
---@param fns table<any, function>  a list, or a table by names
---@param opts candy.AllOptions?
---@return table? results  the first value that each function returned, under the function's key; what one raised is raised again
---@return any err
function candy.all(fns, opts) end

--- The job's folder, for programs: an absolute path.
---@return string? path
---@return candy.Error? err
function candy.file.folder() end

--- The absolute path of a name in the job's folder, for programs.
---@param name string  such as "in.csv" or "parts/1.csv"
---@return string? path
---@return candy.Error? err
function candy.file.path(name) end

--- Opens a file.
---@param name string
---@param mode? "r"|"w"|"a"|"r+"  read (the default), write from empty, append, read and write what is there
---@return candy.File? file
---@return candy.Error? err  codes: `not_found`, `not_a_file` (a folder, a pipe, a device), `outside` (a symbolic link), `too_many_files` (128 a job)
function candy.file.open(name, mode) end

--- Reads a whole file.
---@param name string
---@param opts? candy.ReadOptions
---@return string? bytes
---@return candy.Error? err
function candy.file.read(name, opts) end

--- Writes a whole file; what was there is gone.
---@param name string
---@param data string|number
---@return boolean? ok
---@return candy.Error? err
function candy.file.write(name, data) end

--- Adds to the end of a file, which is made when it is not there.
---@param name string
---@param data string|number
---@return boolean? ok
---@return candy.Error? err
function candy.file.append(name, data) end

--- The names in a folder, sorted.
---@param name? string  a folder in the job's; by default the job's itself
---@return string[]? names
---@return candy.Error? err
function candy.file.list(name) end

--- What is known of a file or folder. Links are not followed.
---@param name string
---@return candy.FileStat? stat
---@return candy.Error? err  code `not_found` when there is none
function candy.file.stat(name) end

--- Removes a file, a link, or a folder that is empty.
---@param name string
---@return boolean? ok
---@return candy.Error? err
function candy.file.remove(name) end

--- Gives another name; a file that has it is replaced.
---@param name string
---@param to string
---@return boolean? ok
---@return candy.Error? err
function candy.file.rename(name, to) end

--- Makes a folder in one that is there.
---@param name string
---@return boolean? ok
---@return candy.Error? err
function candy.file.mkdir(name) end

--- Takes the lock of that name, to be held until it is released or the job ends. The
--- lease is not renewed by itself: past its `ttl` somebody else may hold the lock, unless
--- it is extended. With `wait = 0` it is tried, without waiting. Errors: `locked` (not
--- free within `wait`), `lock_reentered` (this job has it already, or waits for it, in
--- another function too), `too_many_locks` (a job holds and waits for 100 at most),
--- `lock_crowded` (2,000 are in the line).
---
---     local lock, err = candy.lock.acquire("report", { wait = 0, ttl = "1h" })
---     if not lock then return nil, err end
---     make_report(lock.token)
---     lock:release()
---@param name string  1 to 200 bytes
---@param opts candy.LockOptions?
---@return candy.HeldLock? lock
---@return candy.Error? err
function candy.lock.acquire(name, opts) end

--- Runs a function while nobody else holds the lock of that name, in any worker. The
--- lease is renewed while it runs. When the lease ends all the same (the worker stood
--- still for longer, or the store could not take the renewal), the function is cancelled.
--- Errors: those of candy.lock.acquire, `lock_lost`.
---@param name string  1 to 200 bytes
---@param opts candy.LockOptions  may be left out
---@param fn fun(lock: candy.HeldLock): any
---@return any ...  what the function returned, or nil, err; what it raised is raised again
---@overload fun(name: string, fn: fun(lock: candy.HeldLock): any): any
function candy.lock.with(name, opts, fn) end

--- Forgets finished jobs and lines of the log past their time (the settings keep.*), and
--- values whose time is over. The host does so every minute by itself.
---@return table? figures  { jobs, log_lines = how many were forgotten }
---@return candy.Error? err
function candy.maintenance.retention() end

--- Looks whether the store's file is whole, a table at a time. It takes seconds on a
--- large one; tables that take longer than 5 s each are left out and named. Error:
--- `maintenance_busy` (one is under way).
---@return table? report  { ok = boolean, tables = how many were looked at, problems = texts, skipped = names of tables }
---@return candy.Error? err
function candy.maintenance.integrity() end

--- Gives free pages of the store's file back to the file system.
---@return table? figures  { freed_pages, free_pages = how many are left }
---@return candy.Error? err
function candy.maintenance.vacuum() end

--- Brings what stands in the log in front of the store's file (the WAL) into it.
---@return table? figures  { pages = in the log, moved_pages = of them, in their place by now, busy = one is under way already }
---@return candy.Error? err
function candy.maintenance.checkpoint() end

--- Begins a new log file now; the old one is kept as the settings say.
---@return table? figures  {}
---@return candy.Error? err
function candy.maintenance.rotate_logs() end

--- Figures of the queue and the store.
---@return table? stats  { jobs = { available = n, ... by state, set_aside }, up to 10000 each, oldest_available_ms, store = { bytes, free_bytes, log_bytes } }
---@return candy.Error? err
function candy.maintenance.stats() end

--- Starts a program, whose streams are read and written while it runs.
---
--- It must be named by the setting process.allow. It runs in the job's folder with PATH,
--- LANG, HOME and TMPDIR as its environment, waits in line where process.max of them run,
--- and ends with the job at the latest.
---@param argv string[]  the program and its arguments, of 128 kB at most; there is no shell
---@param opts? candy.SpawnOptions
---@return candy.Program? program
---@return candy.Error? err  codes: `program_not_allowed` (permanent), `program_not_found`, `program_not_executable`, `program_start`, `too_many_programs` (1024 wait in line), `not_found` (cwd)
function candy.process.spawn(argv, opts) end

--- Runs a program to its end and collects what it writes.
---
--- As for spawn, process.allow must name it; see there. A program that ends with another
--- code than 0 is no error: look at `ok`.
---@param argv string[]  the program and its arguments; there is no shell
---@param opts? candy.RunOptions
---@return candy.RunResult? result
---@return candy.Error? err  has stdout and stderr once it ran; codes: those of spawn, and `program_timeout`, `output_too_large`
function candy.process.run(argv, opts) end

--- Reads a secret: the environment variable CANDY_SECRET_NAME of the host, else that
--- name, or NAME alone, in the file .env.local or .env of the folder it was started in. A
--- file that has changed is read again: a rotated secret is there at the next call.
---
--- A secret that was read is left out of logs from then on. Errors: `secret_missing` (its
--- message tells where to put it), `secret_not_text`.
---
---     local key, err = candy.secret("GITHUB_TOKEN")
---     if not key then return nil, candy.permanent(err) end
---@param name string  of A-Z, 0-9 and _
---@return string? value
---@return candy.Error? err
function candy.secret(name) end

--- Reads a document.
---@param text string
---@param opts candy.XmlOptions?
---@return candy.XmlElement? root  err.line and err.column tell where it is not well-formed
---@return candy.Error? err
function candy.xml.decode(text, opts) end

--- All text in an element and in those inside of it.
---@param element candy.XmlElement
---@return string text
function candy.xml.text(element) end

--- The elements right inside of an element, without the texts between them.
---@param element candy.XmlElement
---@param name string?  only those of this name
---@return candy.XmlElement[] elements
function candy.xml.children(element, name) end

--- The first element of a name right inside of an element.
---@param element candy.XmlElement
---@param name string
---@return candy.XmlElement? child
function candy.xml.child(element, name) end

--- An element as XML, without a declaration in front. Attributes are in the order of
--- their names; they and the children may be left out.
---@param element candy.XmlElement
---@return string text
function candy.xml.encode(element) end

return candy
