-- Hosts that run with something between them and the system: a library in LD_PRELOAD,
-- which they read their orders from a file for. Their workers run without it, since they
-- start with a clean environment.
local candy = require("spec.support.candy")
local uv = require("luv")

local preload = {}

-- A sanitizer wants to be loaded first, which it can do without.
local function with_library(path, env)
  env.LD_PRELOAD = path
  if os.getenv("ASAN_OPTIONS") then
    env.ASAN_OPTIONS = os.getenv("ASAN_OPTIONS") .. ":verify_asan_link_order=0"
  end
  return env
end

--- What a host is started with whose disk can fail, and whose word is changed by
--- preload.disk. See spec/shim/disk.c for the words.
function preload.disk_env(folder)
  return with_library(assert(uv.fs_realpath(candy.build .. "/shim/disk.so")), {
    DISK_FAULTS = folder .. "/disk",
  })
end

-- The old file is replaced whole, so that nobody reads half of a word.
local function tell(path, text)
  candy.write(path .. ".new", text)
  assert(uv.fs_rename(path .. ".new", path))
end

function preload.disk(folder, word)
  tell(folder .. "/disk", word)
end

local function find_faketime()
  for _, lib in ipairs({ "x86_64-linux-gnu", "aarch64-linux-gnu" }) do
    local path = "/usr/lib/" .. lib .. "/faketime/libfaketimeMT.so.1"
    if uv.fs_stat(path) then
      return path
    end
  end
  error("there is no libfaketime: make test installs it")
end

--- What a host is started with whose wall clock is set by preload.clock. The clock that
--- measures durations is the machine's.
function preload.clock_env(folder)
  return with_library(find_faketime(), {
    FAKETIME_TIMESTAMP_FILE = folder .. "/clock",
    FAKETIME_NO_CACHE = "1",
    FAKETIME_DONT_FAKE_MONOTONIC = "1",
  })
end

--- Sets the host's wall clock so many hours before (-) or after the machine's.
function preload.clock(folder, hours)
  tell(folder .. "/clock", ("%+dh\n"):format(hours))
end

return preload
