-- candy.log.search on the real program, over lines that were written beforehand.
local candy = require("spec.support.candy")
local cjson = require("cjson")
local log_host = require("spec.support.log_host")
local uv = require("luv")

-- Not so old that the host forgets them at its start.
local T = (os.time() - 1000) * 1000

describe("candy.log.search", function()
  local host

  setup(function()
    local folder = candy.folder()
    uv.fs_mkdir(folder .. "/data", 448)
    local writer = log_host.start(folder .. "/data")
    writer:write(
      { message = "one", level = 0, time = T, type = "digest", job = 700 },
      { message = "two", level = 1, time = T + 1000, type = "digest", job = 700 },
      { message = "three", level = 2, time = T + 2000, type = "ping", job = 800,
        fields = '{"host":"example.org"}' },
      { message = "four", level = 3, time = T + 3000, type = "ping" },
      { message = "five", level = 1, time = T + 4000, type = "pong" })
    writer:stop()
    host = candy.start({ folder = folder, workers = 1,
      scripts = { ["eval.lua"] = candy.EVAL } })
  end)
  teardown(function()
    host:stop()
    candy.remove(host.folder)
  end)

  local function eval(code)
    return host:eval(code)
  end

  -- Messages of lines before the host was started, in one text.
  local function search(opts)
    return eval(([[
      local opts = %s
      opts["until"] = opts["until"] or %d
      local lines, err = candy.log.search(opts)
      if not lines then return err.code end
      local texts = {}
      for i, line in ipairs(lines) do texts[i] = line.message end
      return table.concat(texts, " ")]]):format(opts, T + 9000))
  end

  it("finds the newest first", function()
    assert.equal("five four three two one", search("{}"))
    assert.equal("five four", search("{ limit = 2 }"))
  end)

  it("filters", function()
    assert.equal("four three", search('{ level = "warn" }'))
    assert.equal("four", search('{ level = "error" }'))
    assert.equal("two one", search('{ type = "digest" }'))
    assert.equal("five two one", search('{ type = { "digest", "pong" } }'))
    assert.equal("two one", search('{ job = "700" }'))
    assert.equal("five four", search(("{ since = %d }"):format(T + 3000)))
    assert.equal("five four", search(os.date('!{ since = "%Y-%m-%dT%H:%M:%SZ" }',
      T / 1000 + 3)))
    assert.equal("two one", search(('{ ["until"] = %d }'):format(T + 2000)))
    assert.equal("three", search('{ q = "example" }'))
    assert.equal("four five", search('{ q = "f*", after = 0 }'))
    assert.equal("log_search", search('{ q = "--" }'))
  end)

  it("goes on, in both directions", function()
    assert.same({ "four", "five" }, eval([[
      local first, following = candy.log.search({ after = 0, limit = 3 })
      local second = candy.log.search({ after = following, limit = 2 })
      return { second[1].message, second[2].message }]]))
    assert.same({ "three two", "one", true }, eval([[
      local all, before = {}, 4
      repeat
        local lines
        lines, before = candy.log.search({ before = before, limit = 2 })
        local texts = {}
        for i, line in ipairs(lines) do texts[i] = line.message end
        if #texts > 0 then all[#all + 1] = table.concat(texts, " ") end
      until not before
      all[#all + 1] = before == nil
      return all]]))
  end)

  it("gives lines in full", function()
    local line = eval('return candy.log.search({ job = "800" })[1]')
    assert.same({ "three", "warn", "800", "example.org", T + 2000 }, { line.message,
      line.level, line.job_id, line.fields.host, line.time })
  end)

  local faults = {
    { '{ level = "fatal" }', '"debug", "info", "warn" or "error", not "fatal"' },
    { "{ job = 7 }", "a job's id" },
    { "{ type = {} }", "a task's name, or a list of them" },
    { "{ after = 1, before = 2 }", "after goes without before" },
    { "{ limit = 0 }", "an integer from 1 to 1000" },
    { '{ text = "x" }', 'unknown option "text"' },
  }
  for _, fault in ipairs(faults) do
    it("tells the misuse in " .. fault[1], function()
      local err = eval("return candy.log.search(" .. fault[1] .. ")")
      assert.truthy(err.message and err.message:find(fault[2], 1, true),
        cjson.encode(err))
    end)
  end
end)
