-- From the save of one script to its new code being live, with 200 scripts, as one sees
-- it who asks /health which generation is current.
local uv = require("luv")
local candy = require("spec.support.candy")
local hosts = require("bench.hosts")
local http = require("bench.http")
local statistics = require("bench.statistics")

local SCRIPTS = 200
local ASK_EVERY_MS = 2

local function script(name, version)
  local lines = { 'local candy = require("candy")' }
  for i = 1, 20 do
    lines[#lines + 1] = ("local function h_%d(a, b) return a * %d + b end"):format(i, i)
  end
  lines[#lines + 1] = ([[candy.task("%s", {
  payload = { repo = "string?", labels = "string[]?" }, description = "%d",
}, function() return h_1(1, 2) end)]]):format(name, version)
  return table.concat(lines, "\n") .. "\n"
end

local function save(host, version)
  local path = host.scripts .. "/script_1.lua"
  candy.write(path .. ".new", script("script_1", version))
  assert(uv.fs_rename(path .. ".new", path))
end

-- Asks now and then, since that takes from what is measured.
local function wait_live(connection, generation)
  local wanted = ('"generation":%d,'):format(generation)
  repeat
    uv.sleep(ASK_EVERY_MS)
    local _, body = connection:ask("GET", "/health")
  until body:find(wanted, 1, true)
end

return function(report, scale)
  local scripts, took = {}, {}
  for i = 1, SCRIPTS do
    scripts[("script_%d.lua"):format(i)] = script("script_" .. i, 0)
  end
  local host = hosts.start({ more_scripts = scripts })
  local connection = http.connect(host.url, host.key)
  for version = 1, scale.saves do
    local began = uv.hrtime()
    save(host, version)
    wait_live(connection, version + 1)
    took[version] = (uv.hrtime() - began) / 1e6
    uv.sleep(100)
  end
  connection:close()
  report("save to live, 200 scripts, p50", statistics.median(took), "ms")
  report("save to live, 200 scripts, largest", statistics.quantile(took, 1), "ms")
  hosts.drop(host)
end
