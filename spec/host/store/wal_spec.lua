-- The log in front of the database (the WAL) while it is filled ahead with zeros: what a
-- crash leaves behind then, and what other programs read in it.
local uv = require("luv")
local candy = require("spec.support.candy")
local poll = require("spec.support.poll")
local program = require("spec.support.program")

local FULL_BYTES = 32 + 4000 * (24 + 4096)
local JOBS = 80 -- some 600 pages

describe("a WAL that is filled ahead", function()
  local host

  after_each(function()
    host:stop("sigkill")
    candy.remove(host.folder)
  end)

  local function wal_bytes()
    local stat = uv.fs_stat(host.data .. "/candy.db-wal")
    return stat and stat.size or 0
  end

  local function count()
    local result = program.run("sqlite3",
      { host.data .. "/candy.db", "select count(*) from candy_done" })
    assert.equal(0, result.code, result.err)
    return tonumber(result.out)
  end

  it("loses nothing when the host is killed, and is read by others", function()
    host = candy.start({ workers = 1,
      scripts = { ["t.lua"] = 'require("candy").task("t", function() end)' } })
    local id
    for _ = 1, JOBS do
      id = host:push("t")
    end
    host:wait(id)
    poll.wait_for(function()
      return count() == JOBS
    end, 20, "all jobs to be done")
    poll.wait_for(function()
      return wal_bytes() >= FULL_BYTES
    end, 20, "the WAL to be full; it has " .. wal_bytes() .. " bytes")
    assert.equal(JOBS, count())
    host:stop("sigkill")
    assert.is_true(wal_bytes() >= FULL_BYTES)
    host = host:again({ workers = 1 })
    assert.equal(JOBS, count())
    host:wait(host:push("t"))
    poll.wait_for(function()
      return count() == JOBS + 1
    end, 20, "the job behind the crash to be done")
    assert.equal(0, host:stop())
    assert.equal(JOBS + 1, count())
  end)
end)
