-- Scripts of a running host: saved the ways that editors save, and waited for.
local uv = require("luv")
local candy = require("spec.support.candy")
local poll = require("spec.support.poll")

local PATIENCE = 45 -- seconds

local scripts = {}

--- A script whose task `name` answers `value` (Lua source).
function scripts.answering(name, value)
  return ('local candy = require("candy")\ncandy.task("%s", function() return %s end)\n')
    :format(name, value)
end

--- Saves a file below the host's folder by writing it beside and renaming it.
function scripts.save(host, name, text)
  local path = host.folder .. "/" .. name
  os.execute("mkdir -p '" .. path:match("^(.*)/") .. "'")
  candy.write(path .. ".tmp", text)
  assert(uv.fs_rename(path .. ".tmp", path))
end

--- Saves it in place.
function scripts.overwrite(host, name, text)
  candy.write(host.folder .. "/" .. name, text)
end

function scripts.remove(host, name)
  assert(uv.fs_unlink(host.folder .. "/" .. name))
end

--- What /health says of the scripts.
function scripts.health(host)
  return host:request("GET", "/health").json.scripts
end

--- Waits until that generation is live; returns the line of the log that says so.
function scripts.wait_live(host, number)
  local text = ('"message":"generation %d of the scripts is live'):format(number)
  host:wait_log(text)
  for line in host:log():gmatch("[^\n]+") do
    if line:find(text, 1, true) then
      return line
    end
  end
end

--- Waits until that generation was dropped; returns what /health says of it.
function scripts.wait_dropped(host, number)
  host:wait_log(('"message":"generation %d of the scripts is not taken'):format(number))
  return scripts.health(host).problem
end

--- Runs one job and returns its result.
function scripts.ask(host, type)
  local job = host:wait(host:push(type))
  assert(job.state == "completed", require("cjson").encode(job))
  return job.result
end

local function count(command)
  local list = io.popen(command)
  local n = tonumber(list:read("*a"))
  list:close()
  return n
end

--- What the host's process holds: descriptors, watched folders, workers, threads.
function scripts.holdings(host)
  local proc = "/proc/" .. host.pid
  return {
    descriptors = count("ls " .. proc .. "/fd | wc -l"),
    watches = count("cat " .. proc .. "/fdinfo/* 2>/dev/null | grep -c '^inotify'"),
    threads = count("ls " .. proc .. "/task | wc -l"),
    workers = #host:workers(),
  }
end

--- Waits until it holds that again.
function scripts.wait_holdings(host, expected)
  local now
  local ok = pcall(poll.wait_for, function()
    now = scripts.holdings(host)
    for what, n in pairs(expected) do
      if now[what] > n then
        return false
      end
    end
    return true
  end, PATIENCE, "what it holds")
  return ok or now
end

return scripts
