-- The documentation is run: README.md and each page below docs/ is tried on a folder and
-- a host of its own.
--
--   ```lua      with a first line "-- scripts/NAME.lua" or "-- conf/NAME.lua": a file of
--               the page's folder, which `candy check` must find sound; any other must
--               compile. A file that is shown again is saved when the page comes to it,
--               and is live for what follows. "-- spec/NAME.lua" is a file of the folder,
--               too, for `candy test`
--   ```console  commands behind "$ ", run in order, and the output that they must have
--               (markdown.matches of spec/support/markdown.lua tells how it is compared)
--   ```sh       must be sound shell; it is not run
--   ```json     must be JSON
--
-- A command finds `candy` on its PATH, the admin key in $KEY and the data folder in
-- $CANDY_DATA; http://localhost:3010 stands for the page's host.
local uv = require("luv")
local cjson = require("cjson")
local candy = require("spec.support.candy")
local markdown = require("spec.support.markdown")
local poll = require("spec.support.poll")
local program = require("spec.support.program")

local PATIENCE = 20 -- seconds for the result of a job to be there

local function page_paths()
  local find = io.popen("find docs -name '*.md' | sort")
  local paths = { "README.md" }
  for path in find:lines() do
    paths[#paths + 1] = path
  end
  find:close()
  return paths
end

-- ---- a page's folder ----

-- The path that the first line of a Lua block names, and its kind: "scripts" or "conf".
local function file_of(block)
  if block.language ~= "lua" then
    return nil
  end
  return (block.lines[1] or ""):match("^%-%- ((%a+)/[%w_/-]+%.lua)$")
end

local FOLDERS = { scripts = true, conf = true, spec = true }

local function write_files(folder, blocks)
  local written = {}
  for _, block in ipairs(blocks) do
    local path, kind = file_of(block)
    if FOLDERS[kind] and not written[path] then
      program.write(folder .. "/" .. path, block.text)
      written[path] = true
    end
  end
end

local function needs_host(blocks)
  for _, block in ipairs(blocks) do
    local _, kind = file_of(block)
    if block.language == "console" or kind == "scripts" then
      return true
    end
  end
  return false
end

local function open_page(blocks)
  local page = { folder = candy.folder() }
  write_files(page.folder, blocks)
  if needs_host(blocks) then
    page.host = candy.start({ folder = page.folder })
  end
  return page
end

local function close_page(page)
  if page.host then
    page.host:stop()
  end
  candy.remove(page.folder)
end

-- ---- what must hold of a block ----

local function check_files(page, path)
  local name = path:match("^conf/([%w_-]+)%.lua$")
  local args = { "check" }
  if name and name ~= "candy" then
    args = { "check", "--env", name }
  end
  uv.fs_mkdir(page.folder .. "/scripts", 448)
  local code, out, err = candy.run(args, { cwd = page.folder })
  assert.are.equal(0, code, out .. err)
end

local function generation(host)
  return host:request("GET", "/health").json.scripts.generation
end

-- Saves a script as an editor does, if it is not what lies there, until it is live.
local function save_script(page, path, text)
  local file = page.folder .. "/" .. path
  if not page.host or candy.read(file) == text then
    return
  end
  local before = generation(page.host)
  program.write(file, text)
  poll.wait_for(function()
    return generation(page.host) > before
  end, PATIENCE, path .. " to be live")
end

local function try_lua(block, page)
  assert(loadstring(block.text, "=" .. block.name))
  local path, kind = file_of(block)
  if kind == "scripts" then
    save_script(page, path, block.text)
  end
  if kind == "scripts" or kind == "conf" then
    check_files(page, path)
  end
end

local function try_sh(block)
  local run = candy.spawn("sh", { "-n" }, { input = block.text })
  assert.are.equal(0, (candy.join(run)), run.err.text)
end

local function try_json(block)
  cjson.decode(block.text)
end

local function run_command(command, page)
  local text = command:gsub("http://localhost:3010", (page.host.url:gsub("/$", "")))
  local run = candy.spawn("sh", { "-c", "exec 2>&1\n" .. text }, {
    cwd = page.folder,
    env = {
      PATH = program.build() .. ":" .. os.getenv("PATH"),
      KEY = page.host.key,
      CANDY_DATA = page.host.data,
      XDG_CACHE_HOME = page.folder .. "/.cache",
    },
  })
  candy.join(run)
  local url = page.host.url:gsub("/$", ""):gsub("%p", "%%%0")
  return (run.out.text:gsub(url, "http://localhost:3010"))
end

-- A command that only reads may be asked again until the answer is there.
local function only_reads(command)
  if command:find("^curl ") then
    return not command:find(" %-[dXF]") and not command:find(" --data")
  end
  local verb = command:match("^candy (%l+)")
  return ("job jobs logs tasks check"):find(verb or "-", 1, true) ~= nil
end

local function try_step(step, page, patience)
  local output
  local function is_as_shown()
    output = run_command(step.command, page)
    return markdown.matches(step.expected, output)
  end
  local fine = only_reads(step.command)
    and pcall(poll.wait_for, is_as_shown, patience or PATIENCE, "the output")
    or is_as_shown()
  assert(fine, ("line %d: $ %s\nshould print\n%s\nand printed\n%s"):format(
    step.line, step.command, table.concat(step.expected, "\n"), output))
end

local function try_console(block, page)
  for _, step in ipairs(markdown.session(block)) do
    try_step(step, page)
  end
end

local TRY = {
  lua = try_lua,
  sh = try_sh,
  json = try_json,
  console = try_console,
  [""] = function() end,
}

-- ---- the specs ----

local function missing_links(path, text)
  local folder = path:match("^(.*/)") or ""
  local missing = {}
  for _, link in ipairs(markdown.links(text)) do
    if not uv.fs_stat(folder .. link.path) then
      missing[#missing + 1] = ("%s:%d: %s"):format(path, link.line, link.path)
    end
  end
  return missing
end

for _, path in ipairs(page_paths()) do
  describe(path, function()
    local text = candy.read(path)
    local blocks = markdown.blocks(text)
    local page

    setup(function()
      page = open_page(blocks)
    end)

    teardown(function()
      if page then
        close_page(page)
      end
    end)

    for _, block in ipairs(blocks) do
      block.name = ("%s:%d"):format(path, block.line)
      it(("holds at line %d (%s)"):format(block.line, block.language), function()
        assert(TRY[block.language], "a block of no known language: " .. block.language)
        TRY[block.language](block, page)
      end)
    end

    it("links to what is there", function()
      assert.are.same({}, missing_links(path, text))
    end)
  end)
end

describe("a page", function()
  it("names the files that its blocks are", function()
    local function path(...)
      return (file_of({ language = "lua", lines = { ... } }))
    end
    assert.are.equal("scripts/a/b.lua", path("-- scripts/a/b.lua", "return 1"))
    assert.is_nil(path("-- scripts/a.lua and more"))
    assert.is_nil(path())
    assert.is_nil(file_of({ language = "sh", lines = { "-- scripts/a.lua" } }))
  end)

  it("tells links that lead nowhere", function()
    local text = "[a](gone.md) [b](conf_reference.md#x)\n[c](../README.md)\n"
    assert.are.same({ "docs/x.md:1: gone.md", "docs/x.md:1: conf_reference.md" },
      missing_links("docs/x.md", text))
  end)

  it("asks again only where nothing is changed by it", function()
    assert.is_true(only_reads("curl -s http://localhost:3010/tasks/1 -H 'X: y'"))
    assert.is_true(only_reads("candy jobs --state dead"))
    assert.is_true(only_reads("candy job 7"))
    assert.is_true(only_reads("candy logs --type x"))
    assert.is_false(only_reads("curl -s http://localhost:3010/tasks -d '{}'"))
    assert.is_false(only_reads("curl -X POST http://localhost:3010/tasks/1/retry"))
    assert.is_false(only_reads("candy enqueue greet '{}'"))
    assert.is_false(only_reads("rm job"))
  end)
end)

describe("a block that does not hold", function()
  local page

  setup(function()
    page = { folder = candy.folder(), host = { url = "http://x", key = "k", data = "d" } }
  end)

  teardown(function()
    candy.remove(page.folder)
  end)

  local function fails(language, ...)
    local block = { language = language, lines = { ... }, line = 1, name = "x:1" }
    block.text = table.concat(block.lines, "\n") .. "\n"
    write_files(page.folder, { block })
    local ok, why = pcall(TRY[language], block, page)
    assert.is_false(ok)
    return tostring(type(why) == "table" and why.message or why)
  end

  it("fails, whatever its language", function()
    assert.matches("x:1:2:", fails("lua", "local a = 1", "local b = = 2"), 1, true)
    fails("sh", "if true")
    fails("json", "{'a':1}")
  end)

  it("fails as a script and as configuration", function()
    local script = fails("lua", "-- scripts/bad.lua", 'local candy = require("candy")',
      'candy.task("x", { retries = 3 }, print)')
    assert.matches("bad.lua:3", script, 1, true)
    local conf = fails("lua", "-- conf/candy.lua", "return { worker = { slot = 1 } }")
    assert.matches("worker.slot", conf, 1, true)
  end)

  it("fails by its output, and tells both", function()
    local why = fails("console", "$ echo one", "one", "$ echo $KEY >&2", "two")
    assert.matches("line 4: $ echo $KEY >&2\nshould print\ntwo\nand printed\nk", why,
      1, true)
  end)

  it("fails when what is waited for does not come", function()
    local step = { command = "curl -s file:///nothing", expected = { "x" }, line = 1 }
    assert.is_false((pcall(try_step, step, page, 0.2)))
  end)
end)
