-- candy.cron: what is an expression, what is told of one that is none, and the lists.
local candy = require("spec.support.candy")
local cjson = require("cjson")
local support = require("spec.support.worker")

local TASK = 'local candy = require("candy")\n'
  .. 'local t = candy.task("t", { payload = { n = "integer" } }, function() end)\n'

-- The manifest, and the error of the file when it has one.
local function load(line)
  local worker = support.start({ ["scripts/a.lua"] = TASK .. line })
  local manifest = worker:manifest()
  worker:close()
  local err = manifest.files[1].error
  return manifest, err ~= cjson.null and err or nil
end

describe("candy.cron", function()
  it("takes expressions in the words of crontab", function()
    local lines = {}
    for i, text in ipairs({ "* * * * *", "0 8 * * 1-5", "*/15 0-6/2,12 1,15 * *",
      "0 0 29 2 *", "0 0 30 2 mon", "5 4 * JAN-mar sun,Tue", "0 0 * * 7", "  0\t0 1 1 * ",
      "59 23 31 12 6", "10/20 * * * *", "@hourly", "@daily", "@midnight", "@weekly",
      "@monthly", "@yearly", "@annually" }) do
      lines[i] = ("candy.cron(%q, t, { n = %d }, { name = 'c%d' })"):format(text, i, i)
    end
    local manifest, err = load(table.concat(lines, "\n"))
    assert.is_nil(err, err and err.message)
    assert.equal(17, #manifest.crons)
    assert.same({ name = "c2", expression = "0 8 * * 1-5", tz = "UTC", task = "t",
      payload = '{"n":2}', file = "scripts/a.lua", line = 4 }, manifest.crons[2])
  end)

  local faults = {
    { "* * * *", "has five fields (minute hour day month weekday), or is @hourly" },
    { "* * * * * *", "this one has 6" },
    { "", "this one has 0" },
    { "@often", "this one has 1" },
    { "60 * * * *", 'the field "60" (minute) must lie from 0 to 59' },
    { "* 24 * * *", "(hour) must lie from 0 to 23" },
    { "* * 0 * *", "(day of month) must lie from 1 to 31" },
    { "* * * 13 *", "(month) must lie from 1 to 12" },
    { "* * * * 8", "(day of week) must lie from 0 to 7" },
    { "* * * foo *", "(month) has something that is no value" },
    { "mon * * * *", "(minute) has something that is no value" },
    { "5-1 * * * *", "has a range that runs backwards" },
    { "5- * * * *", "has a range without an end" },
    { "1-60 * * * *", "must lie from 0 to 59" },
    { "*/0 * * * *", "has a step that is not from 1" },
    { "*/x * * * *", "has a step that is not from 1" },
    { "*/99999999999999999999 * * * *", "has a step that is not from 1" },
    { "99999999999 * * * *", "must lie from 0 to 59" },
    { "1,,2 * * * *", "has something that is no value" },
    { "1, * * * *", "has something that is no value" },
    { "-1 * * * *", "has something that is no value" },
    { "** * * * *", "has something that is no value" },
    { "0 0 30 2 *", "none of its months has such a day" },
    { "0 0 31 4,6,9,11 *", "none of its months has such a day" },
    { ("1"):rep(300) .. " * * * *", "has at most 200 characters" },
  }
  for _, fault in ipairs(faults) do
    it(("refuses %q"):format(fault[1]:sub(1, 40)), function()
      local manifest, err = load(("candy.cron(%q, t, { n = 1 })"):format(fault[1]))
      assert.truthy(err and err.message:find(fault[2], 1, true), cjson.encode(err))
      assert.truthy(err.message:find("scripts/a.lua:3: ", 1, true), err.message)
      assert.same({ {}, {} }, { manifest.crons, manifest.tasks })
    end)
  end

  it("knows the system's time zones", function()
    local _, err = load('candy.cron("@daily", t, { n = 1 }, { tz = "Europe/Berlin" })')
    assert.is_nil(err)
    for _, name in ipairs({ "Europe/Nowhere", "../../../etc/passwd", "/etc/passwd",
      "Europe", "zone.tab" }) do
      _, err = load(('candy.cron("@daily", t, { n = 1 }, { tz = "%s" })'):format(name))
      assert.truthy(err and err.message:find("knows no time zone", 1, true), name)
    end
    _, err = load('candy.cron("@daily", t, { n = 1 }, { tz = "UTC\\0" })')
    assert.truthy(err.message:find("without a NUL", 1, true), err.message)
  end)

  it("checks the payload, and that there is a task", function()
    local _, err = load('candy.cron("@daily", t, { m = 1 })')
    assert.equal("bad_cron", err.code)
    assert.equal(3, err.line)
    assert.truthy(err.message:find('scripts/a.lua:3: the cron "t": the payload does not '
      .. "fit the task's schema", 1, true), err.message)
    _, err = load('candy.cron("@daily", "nobody")')
    assert.truthy(err.message:find('no script declares a task "nobody"', 1, true))
    _, err = load('candy.cron("@daily", t, { 1, 2 })')
    assert.truthy(err.message:find("must have fields with names", 1, true))
    _, err = load('candy.cron("@daily", t, { n = 1 })\n'
      .. 'candy.cron("@hourly", t, { n = 1 })')
    assert.truthy(err.message:find('cron "t" is declared twice', 1, true), err.message)
  end)

  it("takes a task of another file, and falls with that", function()
    local sources = {
      ["scripts/a.lua"] = 'require("candy").cron("@daily", "z")',
      ["scripts/z.lua"] = 'require("candy").task("z", function() end)',
    }
    local worker = support.start(sources)
    assert.equal("z", worker:manifest().crons[1].task)
    worker:close()
    sources["scripts/z.lua"] = sources["scripts/z.lua"]
      .. '\nrequire("candy").cron("@daily", "nobody")'
    worker = support.start(sources)
    local manifest = worker:manifest()
    assert.same({ {}, {} }, { manifest.crons, manifest.tasks })
    assert.truthy(manifest.files[1].error.message:find('no script declares a task "z"', 1,
      true))
    assert.truthy(manifest.files[2].error.message:find('"nobody"', 1, true))
    worker:close()
  end)
end)

it("crons are listed, with the word that they do not run yet", function()
  local host = candy.start({ workers = 1, scripts = { ["a.lua"] = TASK
    .. 'candy.cron("0 8 * * 1-5", t, { n = 1 }, { tz = "Europe/Berlin" })' } })
  local list = host:request("GET", "/crons").json
  assert.same({ { name = "t", expression = "0 8 * * 1-5", tz = "Europe/Berlin",
    task = "t", payload = { n = 1 }, file = host.scripts .. "/a.lua", line = 3 } },
    list.items)
  assert.is_false(list.active)
  local code, out, err = host:command({ "crons" })
  assert.equal(0, code)
  assert.truthy(out:find("0 8 * * 1-5", 1, true) and out:find("Europe/Berlin", 1, true))
  assert.truthy(err:find("not run yet", 1, true))
  code, out = host:command({ "crons", "--json" })
  assert.same({ 0, list }, { code, cjson.decode(out) })
  host:stop()
  candy.remove(host.folder)
end)
