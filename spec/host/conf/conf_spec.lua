local cjson = require("cjson")
local program = require("spec.support.program")

local PROBE = program.build() .. "/probe/conf"

-- Conf files hold JSON here: see spec/probe/conf.c.
describe("settings", function()
  local folder

  before_each(function()
    folder = program.folder()
  end)

  after_each(function()
    program.remove(folder)
  end)

  local function write(files)
    for path, text in pairs(files) do
      program.write(folder .. "/" .. path, text)
    end
  end

  local function run(env, ...)
    return program.run(PROBE, { ... }, { env = env, cwd = folder })
  end

  local function load(env, ...)
    local ran = run(env, ...)
    assert.equal("", ran.err)
    assert.equal(0, ran.code)
    return cjson.decode(ran.out)
  end

  local function refusal(env, ...)
    local ran = run(env, ...)
    assert.equal(1, ran.code)
    return (ran.err:gsub("\n$", ""))
  end

  it("are the defaults when nothing is set", function()
    assert.same({
      env = "development", conf = "conf", listen = "localhost", port = 3010,
      data = "data", scripts = { "scripts" }, store = "sqlite:", store_relaxed = false,
      workers = 0, ["worker.slots"] = 64, ["worker.memory"] = 256 * 2 ^ 20,
      ["worker.stall"] = 5000, ["worker.result_max"] = 2 ^ 20,
      ["process.allow"] = {}, ["process.memory"] = 2 ^ 30, ["process.max"] = 32,
      ["file.job_max"] = 2 ^ 30,
      ["task.timeout"] = 300000, ["task.max_retries"] = 3,
      ["task.cancel_grace"] = 10000,
      ["keep.completed"] = 86400000, ["keep.dead"] = 30 * 86400000,
      ["keep.logs"] = 30 * 86400000, ["keep.logs_max"] = 1000000,
      stop_grace = 30000, ["http.body_max"] = 5 * 2 ^ 20,
      ["http.connections_max"] = 10000, ["log.level"] = "info", admin_key = cjson.null,
      ["outgoing.proxy"] = cjson.null, ["outgoing.ca_file"] = cjson.null,
      ["outgoing.no_proxy"] = {}, ["outgoing.private_allow"] = {},
      seal_key = cjson.null,
      ["log.folder"] = "logs", ["log.file_max"] = 50 * 1024 * 1024,
      ["log.file_age"] = 86400000, ["log.files_kept"] = 10,
    }, load())
  end)

  it("come from conf files, .env files, the environment, flags: in that order", function()
    local places = {
      { path = "conf/candy.lua", text = '{"port":1}' },
      { path = "conf/staging.lua", text = '{"port":2}' },
      { path = ".env", text = "CANDY_PORT=3" },
      { path = ".env.local", text = "CANDY_PORT=4" },
    }
    for port, place in ipairs(places) do
      write({ [place.path] = place.text })
      assert.equal(port, load({ CANDY_ENV = "staging" }).port)
    end
    local env = { CANDY_ENV = "staging", CANDY_PORT = "5" }
    assert.equal(5, load(env).port)
    assert.equal(6, load(env, "--port", "6").port)
  end)

  it("read every type from a conf file", function()
    write({ ["conf/candy.lua"] = [[{
      "listen": "::", "scripts": ["a", "b:c"], "store_relaxed": true, "workers": 2,
      "worker": { "memory": "1gb", "stall": "250ms", "result_max": 65536 },
      "keep": [], "log": { "level": "warn" }, "process": { "allow": ["sort"] } }]],
      ["conf/staging.lua"] = '{"process":{"allow":{}}}' })
    local conf = load()
    assert.same({ "a", "b:c" }, conf.scripts)
    assert.same({ "sort" }, conf["process.allow"])
    assert.same({}, load({ CANDY_ENV = "staging" })["process.allow"])
    assert.is_true(conf.store_relaxed)
    assert.same({ "::", 2, 2 ^ 30, 250, 65536, "warn" }, {
      conf.listen, conf.workers, conf["worker.memory"], conf["worker.stall"],
      conf["worker.result_max"], conf["log.level"] })
  end)

  it("read every type from the environment", function()
    local conf = load({
      CANDY_LISTEN = "0.0.0.0", CANDY_SCRIPTS = "a:b", CANDY_STORE_RELAXED = "1",
      CANDY_WORKERS = "auto", CANDY_WORKER_MEMORY = "64MB", CANDY_KEEP_DEAD = "7d",
      CANDY_LOG_LEVEL = "debug", CANDY_ADMIN_KEY = "k" })
    assert.same({ "a", "b" }, conf.scripts)
    assert.is_true(conf.store_relaxed)
    assert.same({ "0.0.0.0", 0, 64 * 2 ^ 20, 7 * 86400000, "debug", "k" }, {
      conf.listen, conf.workers, conf["worker.memory"], conf["keep.dead"],
      conf["log.level"], conf.admin_key })
  end)

  it("take several --scripts in place of the default", function()
    assert.same({ "a", "b:c" }, load(nil, "--scripts", "a", "--scripts", "b:c").scripts)
  end)

  it("know PORT, which CANDY_PORT of the same place outranks", function()
    assert.equal(81, load({ PORT = "81" }).port)
    assert.equal(82, load({ PORT = "81", CANDY_PORT = "82" }).port)
    write({ [".env"] = "PORT=83\n" })
    assert.equal(83, load().port)
    assert.equal(81, load({ PORT = "81" }).port)
  end)

  it("choose the overlay by --env, the environment or a .env file", function()
    write({ [".env"] = "CANDY_ENV=staging", ["conf/staging.lua"] = '{"port":1}',
      ["conf/production.lua"] = '{"port":2}', ["conf/mine.lua"] = '{"port":3}' })
    assert.equal(1, load().port)
    assert.equal(2, load({ CANDY_ENV = "production" }).port)
    assert.equal(3, load({ CANDY_ENV = "production" }, "--env", "mine").port)
  end)

  it("look for conf files in CANDY_CONF", function()
    write({ ["elsewhere/candy.lua"] = '{"port":1}' })
    assert.equal(1, load({ CANDY_CONF = "elsewhere" }).port)
    assert.equal('bad_conf: CANDY_CONF: there is no folder "nowhere"',
      refusal({ CANDY_CONF = "nowhere" }))
  end)

  it("need an overlay for an environment of one's own", function()
    assert.equal("production", load({ CANDY_ENV = "production" }).env)
    assert.matches('there is no conf/prodution.lua for the environment "prodution" '
      .. "(did you mean production?)", refusal({ CANDY_ENV = "prodution" }), 1, true)
  end)

  it("refuse unknown names and tell the nearest known one", function()
    local unknown = {
      { env = { CANDY_WORKER = "1" }, text = "CANDY_WORKER: no such setting "
        .. "(did you mean CANDY_WORKERS?)" },
      { env = { CANDY_XYZZY = "1" }, text = "CANDY_XYZZY: no such setting;" },
      { file = '{"wroker":{}}', text = "conf/candy.lua: wroker: no such setting "
        .. "(did you mean worker?)" },
      { file = '{"worker":{"slot":1}}', text = "conf/candy.lua: worker.slot: "
        .. "no such setting (did you mean worker.slots?)" },
      { file = '{"admin_key":"x"}', text = "conf/candy.lua: admin_key: cannot be set "
        .. "in a conf file, only by CANDY_ADMIN_KEY" },
      { dotenv = "A=1\nCANDY_PROT=1", text = ".env:2: CANDY_PROT: no such setting "
        .. "(did you mean CANDY_PORT?)" },
    }
    for _, case in ipairs(unknown) do
      write({ ["conf/candy.lua"] = case.file or "{}", [".env"] = case.dotenv or "" })
      assert.matches(case.text, refusal(case.env), 1, true)
    end
  end)

  it("refuse ill-typed and out-of-range values in conf files", function()
    local port = "must be a whole number from 0 to 65535, not "
    local bad = {
      ['{"port":"3010"}'] = "port: " .. port .. '"3010"',
      ['{"port":65536}'] = "port: " .. port .. "65536",
      ['{"port":-1}'] = "port: " .. port .. "-1",
      ['{"port":1.5}'] = "port: " .. port .. "1.5",
      ['{"port":{"a":1}}'] = "port: " .. port .. "a table",
      ['{"worker":3}'] = "worker: must be a table of settings, not an integer",
      ['{"workers":"many"}'] = 'workers: must be "auto" or a whole number from 1 to 256, '
        .. 'not "many"',
      ['{"worker":{"stall":5}}'] = "worker.stall: must be a duration from 200ms to 1h, "
        .. 'such as "5s", not 5',
      ['{"worker":{"memory":"1mb"}}'] = "worker.memory: must be a size from 16mb to 1tb, "
        .. 'such as "256mb", not "1mb"',
      ['{"scripts":"scripts"}'] = "scripts: must be a list such as "
        .. '{ "scripts" }, not "scripts"',
      ['{"scripts":[]}'] = 'scripts: must be a list such as { "scripts" }, not a table',
      ['{"scripts":[1]}'] = 'scripts: must be a list such as { "scripts" }, '
        .. "not 1",
      ['{"log":{"level":"inf"}}'] = "log.level: must be one of debug, info, warn, error, "
        .. 'not "inf"',
      ['{"listen":"example"}'] = 'listen: must be "localhost" or an IP address such as '
        .. '"127.0.0.1", not "example"',
      ['{"store_relaxed":"yes"}'] = 'store_relaxed: must be true or false, not "yes"',
      ['{"data":""}'] = 'data: must be a text that is not empty, not ""',
      ["3"] = "must return a table of settings, not an integer",
      ["[1]"] = "must return a table of settings, not an array",
    }
    for file, text in pairs(bad) do
      write({ ["conf/candy.lua"] = file })
      assert.equal("bad_conf: conf/candy.lua: " .. text, refusal())
    end
  end)

  it("refuse ill-typed values in the environment, in .env files and in flags", function()
    assert.equal('bad_conf: PORT: must be a whole number from 0 to 65535, not "x"',
      refusal({ PORT = "x" }))
    assert.equal("bad_conf: CANDY_WORKERS: is empty: give it a value or leave it out",
      refusal({ CANDY_WORKERS = "" }))
    assert.equal('bad_conf: CANDY_ENV: must be a name of lower-case letters, digits, _ '
      .. 'and -, not "../etc"', refusal({ CANDY_ENV = "../etc" }))
    assert.equal('usage: --port: must be a whole number from 0 to 65535, not "99999"',
      refusal(nil, "--port", "99999"))
    write({ [".env.local"] = "\nCANDY_LOG_LEVEL=loud" })
    assert.equal(".env.local:2: CANDY_LOG_LEVEL: must be one of debug, info, warn, "
      .. 'error, not "loud"', refusal():match("^bad_conf: (.*)"))
  end)

  it("hand on what the evaluation of a conf file says", function()
    write({ ["conf/candy.lua"] = "{" })
    assert.matches("^bad_json: conf/candy.lua: not valid JSON", refusal())
  end)

  describe("secrets", function()
    local function secret(name, env)
      local ran = run(env, "?", name)
      assert.equal("", ran.err)
      return (ran.out:gsub("\n$", ""))
    end

    it("come from CANDY_SECRET_NAME first, then from NAME in a .env file", function()
      write({ [".env"] = "TOKEN=file\nOTHER=plain\nCANDY_SECRET_DUAL=a",
        [".env.local"] = "TOKEN=local\nDUAL=b" })
      assert.equal('"local"', secret("TOKEN"))
      assert.equal('"plain"', secret("OTHER"))
      assert.equal('"a"', secret("DUAL"))
      assert.equal('"env"', secret("TOKEN", { CANDY_SECRET_TOKEN = "env" }))
      assert.equal("null", secret("NONE"))
    end)

    it("are no other variable of the process, and no setting", function()
      assert.equal("null", secret("TOKEN", { TOKEN = "x" }))
      write({ [".env"] = "CANDY_ADMIN_KEY=x" })
      assert.equal("null", secret("CANDY_ADMIN_KEY"))
      assert.equal("null", secret("ADMIN_KEY"))
    end)
  end)
end)
