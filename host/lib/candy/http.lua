-- candy.http: requests to the outside. Each waits while other jobs run; what is left open
-- ends with the job.
local core = require("candy.core")
local errors = require("candy.error")
local follow = require("candy.http_follow")
local frozen = require("candy.frozen")
local options = require("candy.options")
local request = require("candy.http_request")
local response = require("candy.http_response")
local retry = require("candy.http_retry")
local transport = require("candy.http_transport")
local wait = require("candy.wait")

-- Codes after which the same request can only fail again.
local HOPELESS = {
  bad_url = true, bad_header = true, bad_method = true, http_not_stubbed = true,
}

-- http_request.lua reads the options, http_response.lua is what comes back,
-- http_retry.lua says when to try again, http_follow.lua holds on to a stream of events.
local http = {}

local function failure(code, message)
  return nil, errors.new({
    code = code, message = message, permanent = HOPELESS[code] or nil,
  })
end

-- One attempt --

-- Sends a body piece by piece, until it is whole or the server does not want more.
local function send(what, handle, source)
  for piece in source do
    local from = 1
    while from <= #piece do
      local taken = transport.http_write(what, handle, piece, from)
      if taken == false then
        return
      elseif taken then
        from = from + taken
      else
        wait.await()
      end
    end
  end
  transport.http_write_end(handle)
end

local function await_head(what, handle, asked)
  while true do
    local status, pairs_of, url, redirects, version = transport.http_head(what, handle)
    if status then
      return response.new(asked, handle, status, pairs_of, url, redirects, version)
    elseif status == false then
      return failure(pairs_of, url)
    end
    wait.await()
  end
end

local function exchange(what, handle, asked)
  if asked.source then
    send(what, handle, asked.source)
  end
  local res, err = await_head(what, handle, asked)
  if res and not asked.fields.stream then
    return response.collect(res, what)
  end
  return res, err
end

-- Whatever raises on the way (a cancelled wait, a body's function) ends the request.
local function attempt(what, asked)
  local handle, code, message = transport.http_start(what, asked.fields)
  if not handle then
    return failure(code, message)
  end
  local ok, res, err = pcall(exchange, what, handle, asked)
  if not ok then
    transport.http_close(handle)
    error(res, 0)
  elseif not res then
    transport.http_close(handle)
  end
  return res, err
end

-- All attempts --

local function perform(what, asked)
  local count = 0
  while true do
    count = count + 1
    local res, err = attempt(what, asked)
    local after = res and retry.after(res.headers["retry-after"])
    local ms = retry.wait(asked, count, res and res.status or err.code, after)
    if not ms then
      return res, err
    end
    if res then
      res:close()
    end
    wait.sleep(ms)
  end
end

local function run(what, given)
  local asked = request.read(what, given)
  local res, err = perform(what, asked)
  if not res or asked.expect ~= "ok" or res.ok then
    return res, err
  end
  local _, problem = res:check()
  res:close()
  return nil, problem
end

--- What a request is made of.
---@class candy.http.Options
---@field url string?  "https://host/path"; candy.http.request needs it here
---@field method string?  "GET" by default
---@field query table|string|nil  added to the URL; { tag = { "a", "b" } } repeats a name
---@field headers table?  texts by name, or lists of texts
---@field body any  a text, a function that returns pieces and nil at the end, or a file
---@field json any  a value, sent as JSON
---@field form table|string|nil  sent as a form (application/x-www-form-urlencoded)
---@field multipart table[]?  parts { name, value } or { name, content, filename, type },
---  whose content is what a body can be
---@field auth table?  { bearer = token }, or { user = name, password = word }
---@field timeout string|number|nil  for everything but the wait for its turn ("30s"; none
---  for streams)
---@field connect_timeout string|number|nil  resolving, connecting, TLS ("10s")
---@field first_byte_timeout string|number|nil  of the answer ("30s" for streams, else
---  none)
---@field idle_timeout string|number|nil  the longest silence in a body ("60s" for
---  streams, else none)
---@field redirects number|boolean|nil  how many are followed (10); false: they are
---  answers like others
---@field downgrade boolean?  true: redirects may lead from https to http
---@field max_bytes string|number|nil  the largest body, decompressed ("10mb"; any for
---  streams)
---@field retries number|table|nil  how often to try again (0), or { max = 3, on = { 429,
---  "timeout" }, max_wait = "60s", any_method = false }. Tried again are 429 and requests
---  that never reached the server; with GET, HEAD, OPTIONS, PUT, DELETE or any_method
---  also lost connections, time-outs, 502, 503 and 504; `on` names others. A Retry-After
---  is honoured up to max_wait and the job's own time. A body that is a stream is never
---  sent twice
---@field guard boolean?  true, for URLs that users give: nothing private is reached,
---  whatever the name, its addresses or redirects say, and no proxy is used. By default
---  the URL itself may be private, and redirects to other hosts may not. false: no check
---@field proxy boolean?  false: past the proxy of the settings
---@field stream boolean?  return when the head has come, as candy.http.stream does
---@field expect string?  "ok": other statuses than 200 to 299 are errors, as res:check()
---  has them

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
---@return candy.http.Response? res, table? err
function http.request(opts)
  return run("candy.http.request", opts)
end

local function with(opts, fields)
  if opts ~= nil and type(opts) ~= "table" then
    core.misuse("candy.http: the options must be a table, not " .. options.show(opts))
  end
  local all = {}
  for name, value in pairs(opts or {}) do
    all[name] = value
  end
  for name, value in pairs(fields) do
    all[name] = value
  end
  return all
end

local function shortcut(method)
  local what = "candy.http." .. method:lower()
  return function(url, opts)
    return run(what, with(opts, { url = url, method = method }))
  end
end

--- GET. See candy.http.request for the options and the errors; so for the others.
---@param url string
---@param opts candy.http.Options?
---@return candy.http.Response? res, table? err
http.get = shortcut("GET")

--- HEAD: the headers of a GET, without its body.
---@param url string
---@param opts candy.http.Options?
---@return candy.http.Response? res, table? err
http.head = shortcut("HEAD")

--- POST.
---@param url string
---@param opts candy.http.Options?
---@return candy.http.Response? res, table? err
http.post = shortcut("POST")

--- PUT.
---@param url string
---@param opts candy.http.Options?
---@return candy.http.Response? res, table? err
http.put = shortcut("PUT")

--- PATCH.
---@param url string
---@param opts candy.http.Options?
---@return candy.http.Response? res, table? err
http.patch = shortcut("PATCH")

--- DELETE.
---@param url string
---@param opts candy.http.Options?
---@return candy.http.Response? res, table? err
http.delete = shortcut("DELETE")

--- A request whose body is read as it comes: res:chunks(), res:lines(), res:events(),
--- res:read(), or res:text() and res:json() for all of it (within max_bytes, 10 MB).
--- Nothing is read faster than the script takes it. A stream that is not read to its end
--- is closed by res:close(), or with the job.
---@param url string
---@param opts candy.http.Options?
---@return candy.http.Response? res, table? err
function http.stream(url, opts)
  return run("candy.http.stream", with(opts, { url = url, stream = true }))
end

--- Goes through server-sent events, and connects again when the connection is lost:
--- `for event in candy.http.events(url) do`. Each is { event, data, id, retry }, as
--- res:events() of a stream gives them. Connecting again waits as the server asks (3 s by
--- default, longer after each failure) and sends Last-Event-ID. It ends when the server
--- answers 204; it raises an error value when the answer is no stream of events, unless
--- its status is 429 or 500 and above.
---@param url string
---@param opts table?  last_event_id: where to go on; reconnect: false raises when the
---  connection is lost, and ends when the stream does; idle_timeout: the longest silence
---  ("5m"); and the options of candy.http.request
---@return fun(): candy.http.Event?
function http.events(url, opts)
  return follow(run, url, opts)
end

-- Limits --

local LIMIT = { concurrency = options.integer(1, 1024), rate = request.rate }

--- Bounds the requests to a host: those beyond wait for their turn, in order. The limit
--- holds for the requests of one worker, and replaces what was said before; at most
--- 10,000 requests wait in all (then: code "too_many_requests").
---@param host string  "api.example.com", or with a port "localhost:8080"
---@param opts table  concurrency: how many at a time; rate: "10/s", "100/m", "5/10s" (as
---  many may go at once, and then one whenever its share of the time is over)
---@return boolean? ok, table? err  code "too_many_limits" beyond 1,000 hosts
function http.limit(host, opts)
  local what = "candy.http.limit"
  if type(host) ~= "string" or not host:match("^[%w%.%-_:%[%]]+$") then
    core.misuse(('%s: the first argument must be a host such as "api.example.com", '
      .. "not %s"):format(what, options.show(host)))
  end
  local read = options.read(what, opts, LIMIT)
  local rate = read.rate or { count = 0, per_ms = 0 }
  local failed, code, message = core.http_limit(host:lower(), read.concurrency or 0,
    rate.count, rate.per_ms)
  if failed == false then
    return failure(code, message)
  end
  return true
end

return frozen.freeze(http, "candy.http")
