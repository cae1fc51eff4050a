local program = require("spec.support.program")

local CANDY = program.build() .. "/candy"

describe("the command line", function()
  local folder

  before_each(function()
    folder = program.folder()
  end)

  after_each(function()
    program.remove(folder)
  end)

  local function candy(...)
    return program.run(CANDY, { ... }, { cwd = folder })
  end

  local function refusal(...)
    local ran = candy(...)
    assert.same({ 2, "" }, { ran.code, ran.out })
    return (ran.err:gsub("^candy: ", ""):gsub("\n$", ""))
  end

  it("tells its version", function()
    local version = candy("version")
    assert.equal(0, version.code)
    assert.matches("^candy %d+%.%d+%.%d+\n$", version.out)
    assert.equal(version.out, candy("--version").out)
    assert.matches('^{"version":"%d', candy("version", "--json").out)
  end)

  it("tells all commands, on standard error when none is given", function()
    local help = candy("help")
    assert.equal(0, help.code)
    for _, name in ipairs({ "run", "check", "enqueue", "jobs", "job", "edit", "cancel",
      "retry", "purge", "queues", "pause", "resume", "tasks",
      "backup", "migrate", "version", "help" }) do
      assert.matches("\n  " .. name .. " +%l", help.out)
    end
    assert.equal(help.out, candy("--help").out)
    local none = candy()
    assert.same({ 2, "", help.out }, { none.code, none.out, none.err })
  end)

  it("tells about one command", function()
    local help = candy("help", "enqueue")
    assert.equal(0, help.code)
    assert.matches("^candy enqueue TYPE %[PAYLOAD", help.out)
    assert.matches("\n  %-%-max%-retries N ", help.out)
    assert.equal(help.out, candy("enqueue", "--help").out)
    assert.equal(help.out, candy("enqueue", "-h").out)
    assert.equal(help.out, candy("help", "enqueue", "--data", "x", "--env=y").out)
    local run = candy("help", "run").out
    for _, flag in ipairs({ "data", "port", "listen", "scripts", "store", "workers",
      "env" }) do
      assert.matches("\n  --" .. flag .. " ", run, 1, true)
    end
  end)

  it("lists the settings", function()
    local help = candy("help", "settings").out
    assert.matches("\nworker.slots +CANDY_WORKER_SLOTS +64 ", help)
    assert.matches("\n +CANDY_ADMIN_KEY ", help)
  end)

  it("suggests the nearest name", function()
    assert.matches("did you mean candy jobs?", refusal("jbos"), 1, true)
    assert.matches("did you mean --state?", refusal("jobs", "--sate", "x"), 1, true)
    assert.matches("did you mean candy help retry?", refusal("help", "rety"), 1, true)
    assert.equal('there is no command "xyzzy"; `candy help` lists them all',
      refusal("xyzzy"))
  end)

  it("refuses what a command does not take", function()
    local cases = {
      { { "jobs", "--data" }, "--data needs a value: --data DIR;" },
      { { "jobs", "--json=1" }, "--json takes no value;" },
      { { "jobs", "--tag", "a", "--tag=b" }, "--tag is given twice;" },
      { { "jobs", "more" }, '"more" is one too many: candy jobs;' },
      { { "job" }, "something is missing: candy job ID;" },
      { { "jobs", "-v" }, "`candy jobs` does not know -v;" },
      { { "version", "--data", "x" }, "`candy version` has no flag --data;" },
      { { "--data", "x", "jobs" }, "a command comes first: candy COMMAND --data ..." },
    }
    for _, case in ipairs(cases) do
      assert.equal(case[2], refusal(unpack(case[1])):sub(1, #case[2]))
    end
  end)

  it("lets the last one of a setting's flags count", function()
    local ran = candy("jobs", "--data", "a", "--data=b")
    assert.matches("data folder b;", ran.err, 1, true)
  end)

  it("takes what follows -- as operands", function()
    local ran = candy("job", "--", "--all")
    assert.equal(3, ran.code) -- no host runs, which is the next thing to go wrong
  end)

  it("tells wrong settings apart from wrong flags", function()
    assert.equal('--port: must be a whole number from 0 to 65535, not "x"',
      refusal("run", "--port", "x"))
    program.write(folder .. "/.env", "CANDY_PROT=1\n")
    local ran = candy("jobs")
    assert.equal(1, ran.code)
    assert.matches("^candy: %.env:1: CANDY_PROT: no such setting", ran.err)
  end)

  it("fails when standard output cannot be written", function()
    local shell = ("'%s' help > /dev/full"):format(CANDY)
    local ran = program.run("/bin/sh", { "-c", shell }, { cwd = folder })
    assert.equal(1, ran.code)
    assert.matches("cannot write to standard output: No space left", ran.err, 1, true)
  end)

  it("works with its standard streams closed", function()
    local shell = ("'%s' job 1 <&- >&- 2>&-"):format(CANDY)
    assert.equal(3, program.run("/bin/sh", { "-c", shell }, { cwd = folder }).code)
  end)
end)
