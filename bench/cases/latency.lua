-- A calm host, 100 jobs a second: how long a job waits. How much of it nobody could save,
-- a bare program tells (spec/probe/floor.c: the same wake-ups, the same pages, one sync);
-- and then how long the disk takes for one sync alone at that pace.
local uv = require("luv")
local beat = require("bench.beat")
local candy = require("spec.support.candy")
local hosts = require("bench.hosts")
local statistics = require("bench.statistics")

local PAGE = ("x"):rep(4096)
local EVERY_MS = 10

-- Milliseconds of each of `count` syncs behind a page that is written over.
local function syncs(folder, count)
  local took, path = {}, folder .. "/sync"
  local file = assert(uv.fs_open(path, "w", 384))
  local timer = uv.new_timer()
  timer:start(0, EVERY_MS, function()
    local began = uv.hrtime()
    assert(uv.fs_write(file, PAGE, 0))
    assert(uv.fs_fdatasync(file))
    took[#took + 1] = (uv.hrtime() - began) / 1e6
    if #took == count then
      timer:close()
    end
  end)
  uv.run()
  uv.fs_close(file)
  uv.fs_unlink(path)
  return took
end

-- Milliseconds of each of `count` ways of the bare program; nothing else runs meanwhile.
local function bare(folder, count)
  local took = {}
  local lines = assert(io.popen(("%s/probe/floor '%s/floor' %d"):format(
    candy.build, folder, count)))
  for line in lines:lines() do
    took[#took + 1] = tonumber(line)
  end
  lines:close()
  assert(#took == count, "floor: it ended early")
  return took
end

return function(report, scale)
  local host = hosts.start({ workers = 1 })
  local sent = beat.post(host, scale.beats, 1)
  hosts.wait_empty(host)
  host:stop()
  local delays = beat.delays(host, sent)
  assert(#delays == scale.beats)
  local floor = bare(host.folder, scale.beats / 2)
  os.remove(host.folder .. "/floor")
  local disk = syncs(host.folder, scale.beats / 5)
  report("post to handler at 100 jobs/s, p50", statistics.median(delays), "ms",
    { target = "< 0.8", compare = "p50" })
  report("post to handler at 100 jobs/s, p99", statistics.quantile(delays, 0.99), "ms",
    { target = "< 2", compare = "p99" })
  report("a bare program with the same wake-ups and sync, p50",
    statistics.median(floor), "ms")
  report("a bare program with the same wake-ups and sync, p99",
    statistics.quantile(floor, 0.99), "ms")
  report("of it, one sync of the disk, p50", statistics.median(disk), "ms")
  report("of it, one sync of the disk, p99", statistics.quantile(disk, 0.99), "ms")
  hosts.drop(host)
end
