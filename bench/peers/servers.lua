-- The private servers of the peers: each on a folder of its own and a Unix socket in it,
-- with the durability that it comes with. They end with the process that started them,
-- whatever ends that.
local uv = require("luv")
local candy = require("spec.support.candy")
local poll = require("spec.support.poll")

local PATIENCE = 30 -- seconds
local servers = {}
local running = {}

local function path_of(program)
  local list = io.popen("command -v " .. program)
  local path = list:read("*l")
  list:close()
  return path
end

local function postgres(program)
  local list = io.popen("ls -d /usr/lib/postgresql/*/bin/" .. program .. " 2>/dev/null")
  local path
  for line in list:lines() do
    path = line -- the newest version comes last
  end
  list:close()
  return path
end

local function is_socket(path)
  local stat = uv.fs_stat(path)
  return stat and stat.type == "socket"
end

-- PostgreSQL refuses to run as root: then it runs as the user that its package made.
local function as_postgres()
  if uv.getuid() ~= 0 then
    return {}
  end
  return { "--reuid", "postgres", "--regid", "postgres", "--clear-groups" }
end

local function join(...)
  local all = {}
  for _, list in ipairs({ ... }) do
    for _, word in ipairs(list) do
      all[#all + 1] = word
    end
  end
  return all
end

local function run_to_end(file, args)
  local run = candy.spawn(file, args)
  assert(candy.join(run) == 0, file .. ": " .. run.err.text)
  return run.out.text
end

-- ---- kinds ----

local kinds = {}

kinds.postgresql = {
  signal = "sigint", -- "fast": it does not wait for clients
  program = function()
    return postgres("postgres")
  end,
  as = as_postgres,
  prepare = function(server)
    if uv.getuid() == 0 then
      run_to_end("chown", { "postgres", server.folder })
    end
    run_to_end("setpriv", join(as_postgres(), { postgres("initdb"), "--no-sync", "-A",
      "trust", "-U", "postgres", "-D", server.folder .. "/data" }))
  end,
  args = function(server)
    return { "-D", server.folder .. "/data", "-k", server.folder, "-h", "" }
  end,
  socket = function(server)
    return server.folder .. "/.s.PGSQL.5432"
  end,
  url = function(server)
    return "postgresql://postgres@/postgres?host=" .. server.folder
  end,
}

kinds.redis = {
  signal = "sigterm",
  program = function()
    return path_of("redis-server")
  end,
  args = function(server)
    return { "--port", "0", "--unixsocket", server.folder .. "/socket", "--dir",
      server.folder, "--appendonly", "yes", "--appendfsync", "everysec", "--save", "" }
  end,
}

local function beanstalkd(fsync_ms)
  return {
    signal = "sigterm",
    program = function()
      return path_of("beanstalkd")
    end,
    prepare = function(server)
      assert(uv.fs_mkdir(server.folder .. "/log", 448))
    end,
    args = function(server)
      return { "-l", "unix:" .. server.folder .. "/socket", "-b", server.folder .. "/log",
        "-f", tostring(fsync_ms) }
    end,
  }
end

kinds.beanstalkd = beanstalkd(50)
kinds.beanstalkd_each = beanstalkd(0)

-- ---- life ----

local Server = {}
Server.__index = Server

--- Whether the server's program is there.
function servers.has(kind)
  return kinds[kind].program() ~= nil
end

--- Starts a server with nothing in it.
function servers.start(name)
  local kind = kinds[name]
  local self = setmetatable({ kind = kind, folder = candy.folder() }, Server)
  running[#running + 1] = self
  self.socket = kind.socket and kind.socket(self) or self.folder .. "/socket"
  self.url = kind.url and kind.url(self) or self.socket
  if kind.prepare then
    kind.prepare(self)
  end
  self.run = candy.spawn("setpriv", join(kind.as and kind.as() or {},
    { "--pdeathsig", kind.signal:sub(4):upper(), kind.program() }, kind.args(self)),
    { forget_err = true })
  poll.wait_for(function()
    assert(not self.run.code, name .. " ended at its start: " .. self.run.out.text)
    return is_socket(self.socket)
  end, PATIENCE, name .. " to listen")
  return self
end

--- Ends it and removes its folder.
function Server:stop()
  if self.run and not self.run.code then
    uv.kill(self.run.pid, self.kind.signal)
    candy.join(self.run)
  end
  if uv.fs_stat(self.folder) then
    candy.remove(self.folder)
  end
end

--- Ends all that still run.
function servers.stop_all()
  for _, server in ipairs(running) do
    pcall(Server.stop, server)
  end
end

return servers
