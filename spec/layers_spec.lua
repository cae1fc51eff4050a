-- Who may include whom: reads each #include below host/ and holds it against the table
-- of layers, then looks at what the two built programs are linked with.
local candy = require("spec.support.candy")

local BUILD = candy.build

-- folder -> folders whose headers it may include (its own always), single headers of
-- others, and libraries beside libc. A "*" in `headers` stands for the rest of a name.
local LAYERS = {
  [""] = { folders = "cli" },
  base = { libraries = "jansson pcre2" },
  loop = { folders = "base", libraries = "uv" },
  conf = { folders = "base", libraries = "jansson" },
  store = { folders = "base loop", libraries = "jansson uv sqlite" },
  log = { folders = "base loop", headers = "store/store.h", libraries = "jansson uv" },
  net = { folders = "base loop", libraries = "jansson uv llhttp" },
  ["net/client"] = { folders = "base loop", libraries = "curl uv" },
  frame = { folders = "base loop", libraries = "jansson uv" },
  queue = {
    folders = "base loop", headers = "store/store.h", libraries = "jansson sodium uv",
  },
  vault = { folders = "base conf log", libraries = "jansson sodium" },
  worker = { folders = "base loop frame queue", libraries = "jansson uv" },
  trigger = {
    folders = "base loop conf store log net frame queue worker",
    libraries = "jansson uv",
  },
  api = {
    folders = "base loop conf store log net frame queue worker trigger",
    libraries = "jansson uv sodium",
  },
  lua = {
    folders = "base loop frame net/client",
    libraries = "lua jansson sodium uv expat",
  },
  cli = {
    folders = "base loop conf store log net frame vault queue worker trigger api",
    libraries = "jansson uv sodium llhttp",
  },
}

local LIBRARIES = {
  ["curl/curl.h"] = "curl",
  ["expat.h"] = "expat",
  ["jansson.h"] = "jansson",
  ["llhttp.h"] = "llhttp",
  ["lauxlib.h"] = "lua",
  ["lua.h"] = "lua",
  ["luajit.h"] = "lua",
  ["lualib.h"] = "lua",
  ["pcre2.h"] = "pcre2",
  ["sodium.h"] = "sodium",
  ["sqlite3.h"] = "sqlite",
  ["uv.h"] = "uv",
}

local LIBC = [[ assert byteswap complex ctype dirent dlfcn elf endian err errno execinfo
  fcntl fenv float fnmatch ftw getopt glob grp inttypes langinfo libgen limits link locale
  malloc math netdb paths poll pthread pwd regex sched search semaphore setjmp signal
  spawn stdalign stdarg stdatomic stdbool stddef stdint stdio stdlib stdnoreturn string
  strings syslog termios threads time unistd unwind wchar wctype ]]

local function has_word(list, word)
  return (" " .. (list or "") .. " "):gsub("%s+", " "):find(" " .. word .. " ", 1, true)
    ~= nil
end

local function matches_any(patterns, name)
  for pattern in (patterns or ""):gmatch("%S+") do
    local stem = pattern:match("^(.*)%*$")
    if name == pattern or (stem and name:sub(1, #stem) == stem) then
      return true
    end
  end
  return false
end

local function is_libc(header)
  return header:find("^sys/") or header:find("^linux/") or header:find("^netinet/")
    or header:find("^net/") or header:find("^arpa/")
    or has_word(LIBC, header:gsub("%.h$", ""))
end

-- Why `file` may not include <header>, or nil.
local function library_fault(file, layer, header)
  local library = LIBRARIES[header]
  if not library then
    return not is_libc(header) and "is of no known library" or nil
  end
  if not has_word(layer.libraries, library) then
    return "is of a library that the folder may not use: " .. library
  end
  if library == "sqlite" and not file:find("^store/sqlite[^/]*$") then
    return "is for store/sqlite*.c alone"
  end
  return nil
end

-- The layer that a path below host/ belongs to: the longest folder of the table.
local function folder_of(path)
  local folder = path:match("^(.*)/[^/]*$")
  while folder and folder:find("/", 1, true) and not LAYERS[folder] do
    folder = folder:match("^(.*)/")
  end
  return folder
end

-- Why a file of `folder` may not include "header", or nil.
local function header_fault(folder, layer, header)
  local target = folder_of(header) or folder
  if header:find("..", 1, true) then
    return "climbs out of its folder"
  end
  if target == folder or has_word(layer.folders, target) then
    return nil
  end
  if matches_any(layer.headers, header) then
    return nil
  end
  return "is of a folder that stands higher, or beside: " .. target
end

local function include_fault(file, line)
  local folder = folder_of(file) or ""
  local layer = LAYERS[folder]
  local bracket, header = line:match('^%s*#%s*include%s*([<"])([^>"]+)[>"]')
  if not header then
    return nil
  end
  if not layer then
    return ("%s: its folder is not in the table of layers"):format(file)
  end
  local fault = bracket == "<" and library_fault(file, layer, header)
    or bracket == '"' and header_fault(folder, layer, header)
  return fault and ("%s: %s %s"):format(file, header, fault) or nil
end

-- The faults of one file's text; `file` is its path below host/.
local function faults_of(file, text)
  local faults = {}
  for line in text:gmatch("[^\n]+") do
    faults[#faults + 1] = include_fault(file, line)
  end
  return faults
end

local function sources()
  local find = io.popen("find host -name '*.[ch]'")
  local paths = {}
  for path in find:lines() do
    paths[#paths + 1] = path
  end
  find:close()
  return paths
end

local function readelf(what, program)
  local pipe = io.popen(("readelf -W %s %s/%s 2>&1"):format(what, BUILD, program))
  local text = pipe:read("*a")
  pipe:close()
  assert.is_nil(text:match("Error:[^\n]*"), "readelf " .. program)
  return text
end

-- The libraries that a program asks the loader for, one a line.
local function needed(program)
  local names = {}
  for name in readelf("-d", program):gmatch("%(NEEDED%)[^%[]*%[([^%]]+)%]") do
    names[#names + 1] = name
  end
  assert.is_true(#names > 0, program .. " names no library at all")
  return table.concat(names, "\n")
end

local function defines(program, prefix)
  for symbol in readelf("-s", program):gmatch("FUNC%s+%S+%s+%S+%s+%d+%s+(%S+)") do
    if symbol:sub(1, #prefix) == prefix then
      return symbol
    end
  end
  return nil
end

describe("the layers of host/", function()
  it("are kept by each #include", function()
    local paths = sources()
    assert.is_true(#paths > 0)
    local faults = {}
    for _, path in ipairs(paths) do
      for _, fault in ipairs(faults_of(path:gsub("^host/", ""), candy.read(path))) do
        faults[#faults + 1] = fault
      end
    end
    assert.are.same({}, faults)
  end)

  it("are broken by a header from above", function()
    assert.are.same(
      { "base/buf.c: queue/queue.h is of a folder that stands higher, or beside: queue" },
      faults_of("base/buf.c", '#include "base/buf.h"\n#include "queue/queue.h"\n'))
    assert.are.equal(1, #faults_of("queue/claim.c", '#include "store/sqlite.h"'))
    assert.are.equal(0, #faults_of("queue/claim.c", '#include "store/store.h"'))
    assert.are.equal(1, #faults_of("lua/l_http.c", '#include "net/server.h"'))
    assert.are.equal(0, #faults_of("lua/l_http.c", '#include "net/client/client.h"'))
    assert.are.equal(1, #faults_of("net/client/hop.c", '#include "net/server.h"'))
    assert.are.equal(1, #faults_of("net/server.c", '#include "net/client/client.h"'))
  end)

  it("are broken by a path that climbs, and by a folder that nobody placed", function()
    assert.are.equal(1, #faults_of("base/buf.c", '#  include "../cli/cli.h"'))
    assert.are.equal(1, #faults_of("novel/a.c", "#include <stdio.h>"))
  end)

  it("are broken by a library out of its place", function()
    assert.are.same({ "store/store.c: sqlite3.h is for store/sqlite*.c alone" },
      faults_of("store/store.c", "#include <sqlite3.h>"))
    assert.are.equal(0, #faults_of("store/sqlite_claim.c", "#include <sqlite3.h>"))
    assert.are.equal(1, #faults_of("worker/pool.c", "#include <lua.h>"))
    assert.are.equal(1, #faults_of("cli/run.c", "\t# include <luajit.h>"))
    assert.are.equal(1, #faults_of("base/id.c", "#include <openssl/evp.h>"))
    assert.are.equal(0, #faults_of("base/id.c", "#include <sys/random.h>"))
  end)
end)

describe("the built programs", function()
  it("are a worker without store and server", function()
    local libraries = needed("candy-worker")
    assert.is_nil(libraries:match("libsqlite[^\n]*"))
    assert.is_nil(libraries:match("libcurl[^\n]*")) -- opened when it is needed
    assert.is_nil(libraries:match("libllhttp[^\n]*"))
    assert.is_nil(defines("candy-worker", "llhttp_"))
    assert.is_nil(defines("candy-worker", "sqlite3_"))
    assert.is_not_nil(defines("candy-worker", "main"))
  end)

  it("are a host without Lua", function()
    local libraries = needed("candy")
    assert.is_nil(libraries:match("libluajit[^\n]*"))
    assert.is_nil(libraries:match("lib[^\n]*cjson[^\n]*"))
    assert.is_nil(defines("candy", "lua"))
    assert.is_not_nil(defines("candy", "main"))
  end)
end)
