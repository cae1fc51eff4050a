---@meta candy.testing
-- What specs can use, for editors: docs/how-to/editor.md. Made by `make docs`
-- from the comments of host/lib/candy/*.lua: change them there.

--- Scripts at work for one test.
---@class candy.testing.App
local App = {}

--- Ends the host and removes all that it wrote. A second time does nothing.
function App:close() end

--- Enqueues a job, through the same checks as any other. It runs by app:drain().
---@param type string  the task's name
---@param payload table?
---@param opts table?  as candy.queue.push has them: delay, run_at, priority ...
---@return string? id  duplicate: the id is that of a job that was there, and is the same as this one
---@return candy.testing.Failure? err
---@return boolean? duplicate
function App:enqueue(type, payload, opts) end

--- Emits an event, as candy.emit does: each handler gets a job.
---@param event string
---@param data table?
---@return string[] ids  of the handlers' jobs
function App:emit(event, data) end

--- Runs a task now: one attempt of a new job, whatever else waits. It ends as any attempt
--- does: what it wrote is kept, jobs that it enqueued wait, and if it failed it waits for
--- its retry. So `local result, err = app:run("digest", { repo = "acme/shop" })`.
---@param type string  the task's name
---@param payload table?
---@param opts table?  as candy.queue.push has them
---@return any result  nil, err when it failed, and when the payload is refused; err.code is `snoozed` when it asked to be run again later, `pending` when it waits for its children, and `duplicate` when a job that cannot run now is the same, so that there is no new one
---@return candy.testing.Failure? err
---@return candy.testing.Attempt? attempt
function App:run(type, payload, opts) end

--- Runs all jobs that are due, one after the other, and those that they enqueue. Retries
--- and delays are due when the clock says so: after app:advance, or, with `within`, in
--- this call, which moves the clock from one to the next for so long.
---@param opts table?  within: a duration; max: how many attempts at most (1000)
---@return candy.testing.Attempt[] attempts  in their order
function App:drain(opts) end

--- What the clock says. It stands still but for app:advance, app:drain with `within`, and
--- what jobs sleep: candy.sleep takes no time and moves the clock on.
---@return integer ms  since 1970
function App:now() end

--- Moves the clock on. Nothing runs by that: what has come due runs by app:drain().
---@param duration candy.Duration
---@return integer ms  what it says now
function App:advance(duration) end

--- A job in full: type, payload, state, result, errors and so on, as `candy job --json`
--- shows it.
---@param id string
---@return table? job
function App:job(id) end

--- Jobs in full, oldest first.
---@param states string[]?  "completed", "dead" ...; all of them by default
---@return table[] jobs
function App:jobs(states) end

--- Jobs that wait, oldest first: those that are due, and those whose time is to come.
---@param type string?  of this task alone
---@return table[] jobs  in full
function App:enqueued(type) end

--- Fails unless such a job waits, and tells what waits instead.
---@param type string
---@param payload table?  what its payload must have; it may have more
---@return table job  the oldest such
function App:assert_enqueued(type, payload) end

--- Fails when such a job waits.
---@param type string
---@param payload table?
function App:assert_not_enqueued(type, payload) end

--- Answers requests that jobs make with candy.http. Of several that fit a request the
--- newest counts. Redirects are not followed: stub what answers in the end.
---
---     app:stub_http("GET https://api.example.com/*", { json = { ok = true } })
---     app:stub_http("POST https://api.example.com/mails", function(request)
---       return { status = request.json.to and 201 or 422 }
---     end)
---     app:stub_http("https://flaky.example.com/", { { status = 503 }, { json = {} } })
---     app:stub_http("https://down.example.com/*", { error = "connect_failed" })
---@param pattern string  "METHOD URL" or a URL; `*` is any text. The query counts only where the pattern has a question mark
---@param answer table|function  status (200), headers, and body or json; or error, a code of candy.http, and message; or a list of such, one a request, the last for all that follow; or a function that gets the request (as app:requests has it) and returns one
function App:stub_http(pattern, answer) end

--- The requests that jobs made, oldest first: each has method, url, query, headers (names
--- in lower case), body, and json when the body is JSON.
---@param pattern string?  as app:stub_http has it
---@return table[] requests
function App:requests(pattern) end

--- Fails unless such requests were made, and tells which were.
---@param pattern string  as app:stub_http has it
---@param count integer?  how many; at least one when it is not given
---@return table request  the newest such
function App:assert_requested(pattern, count) end

--- What jobs logged, oldest first: each line has time, level, message, fields, job (its
--- id), type and attempt. Secrets are left out of them, as in any log.
---@param which table?  job: an id; type: a task; level: "info" ...
---@return table[] lines
function App:logs(which) end

--- Rows of the scripts' own tables, as candy.db.query has them.
---@param text string  SQL
---@param ... any  for its question marks
---@return table[] rows
function App:query(text, ...) end

--- Changes the scripts' own tables, as candy.db.exec does: what a test needs to be there.
---@param text string  SQL
---@param ... any  for its question marks
---@return table done  changes, last_id
function App:exec(text, ...) end

--- Reads a value of candy.kv.
---@param key string
---@return any value
function App:kv(key) end

--- Sets a value of candy.kv.
---@param key string
---@param value any
function App:set_kv(key, value) end

--- What a test may choose.
---@class candy.testing.Options
---@field scripts string|string[]|nil  folders ("scripts")
---@field now string|integer|nil  what the clock says at first: "2026-11-22T08:00:00Z", or milliseconds since 1970 (the time at which the test begins)
---@field secrets table?  what candy.secret finds, by name; nothing else is there
---@field settings table?  by their names, as { ["task.timeout"] = "2s" }
---@field allow_http boolean?  true: requests without a stub go out
---@field log boolean?  true: the log is written to standard error as well

--- What became of one attempt of a job.
---@class candy.testing.Attempt
---@field id string  of the job
---@field type string  its task
---@field attempt integer  1 is the first
---@field outcome string  "completed", "retryable", "dead", "cancelled", "snoozed", or "pending": it fanned out, and runs again when its children have ended
---@field result any  of one that completed
---@field error candy.testing.Failure?

--- Why an attempt failed. As text (`tostring(err)`) it tells all of it, with the place in
--- the script and what the job logged.
---@class candy.testing.Failure
---@field code string
---@field message string
---@field traceback string?
---@field logs table[]  the lines that the job logged

---@class testing
local testing = {}

--- Starts a host with the scripts. A file that cannot be loaded is an error that names it
--- and the line. Each has a store of its own; app:close() ends it, and so does the end of
--- the spec, however it comes.
---
--- conf/candy.lua counts, and conf/test.lua when it is there; .env files and the
--- environment do not.
---@param opts candy.testing.Options?
---@return candy.testing.App app
function testing.new(opts) end

return testing
