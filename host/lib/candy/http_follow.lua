-- Server-sent events over one connection after the other: candy.http.events.
local core = require("candy.core")
local errors = require("candy.error")
local events = require("candy.http_events")
local options = require("candy.options")
local response = require("candy.http_response")
local wait = require("candy.wait")

local WHAT = "candy.http.events"
local RECONNECT_MS = 3000 -- unless the server says another time, within these bounds
local RECONNECT_LEAST_MS, RECONNECT_MOST_MS = 100, 60000
local OPTIONS = { last_event_id = options.text, reconnect = options.boolean }

local function split(opts)
  local own, rest = {}, {}
  for name, value in pairs(opts or {}) do
    local into = OPTIONS[name] and own or rest
    into[name] = value
  end
  return options.read(WHAT, own, OPTIONS), rest
end

local function headers_of(stream)
  local headers = { ["Cache-Control"] = "no-store" }
  for name, value in pairs(stream.rest.headers or {}) do
    headers[name] = value
  end
  headers["Accept"] = "text/event-stream"
  headers["Last-Event-ID"] = stream.last_id ~= "" and stream.last_id or nil
  return headers
end

local function request_of(stream)
  local given = {}
  for name, value in pairs(stream.rest) do
    given[name] = value
  end
  given.url, given.stream, given.headers = stream.url, true, headers_of(stream)
  given.idle_timeout = given.idle_timeout or "5m"
  return given
end

local function is_stream(res)
  local kind = (res.headers["content-type"] or ""):lower()
  return res.status == 200 and kind:sub(1, 17) == "text/event-stream"
end

local function problem_of(stream, res)
  local _, problem = res:check()
  return problem or errors.new({
    code = "bad_response",
    message = ("%s is no stream of events: its content type is %s"):format(
      core.http_show(stream.url), res.headers["content-type"] or "missing"),
  })
end

-- The events of one connection; nil when the server says that it is over (204); nil, err
-- when it may be tried again.
local function connect(stream)
  local res, err = stream.run(WHAT, request_of(stream))
  if not res or res.status == 204 then
    return nil, err
  elseif is_stream(res) then
    stream.parser = events.parser(stream.last_id)
    return response.events(res, stream.parser)
  end
  local problem = problem_of(stream, res)
  res:close()
  if res.status == 429 or res.status >= 500 then
    return nil, problem
  end
  error(problem, 0)
end

local function note_failure(stream, err)
  stream.events = nil
  stream.failures = stream.failures + 1
  if not stream.reconnect or err.permanent or err.code == "private_address" then
    error(err, 0)
  end
end

local function pause(stream)
  local ms = math.max(stream.retry, RECONNECT_LEAST_MS) * 2 ^ math.min(stream.failures, 5)
  wait.sleep(math.min(ms, RECONNECT_MOST_MS) * (0.75 + math.random() / 2))
end

-- Whether there is more to come.
local function open(stream)
  if stream.begun and not stream.reconnect then
    return false
  elseif stream.begun then
    pause(stream)
  end
  stream.begun = true
  local following, err = connect(stream)
  stream.events = following
  if err then
    note_failure(stream, err)
  end
  return following ~= nil or err ~= nil
end

local function next_event(stream)
  local ok, event = pcall(stream.events)
  stream.last_id = stream.parser.id
  stream.retry = stream.parser.retry or stream.retry
  if ok and event then
    stream.failures = 0
    return event
  elseif ok then
    stream.events = nil
  elseif type(event) == "table" and event.code then
    note_failure(stream, event)
  else
    error(event, 0)
  end
end

--- The iterator of candy.http.events; `run` makes a request.
return function(run, url, opts)
  local own, rest = split(opts)
  local stream = {
    run = run, url = url, rest = rest, last_id = own.last_event_id or "",
    reconnect = own.reconnect ~= false, retry = RECONNECT_MS, failures = 0,
  }
  return function()
    while stream.events or open(stream) do
      local event = stream.events and next_event(stream)
      if event then
        return event
      end
    end
  end
end
