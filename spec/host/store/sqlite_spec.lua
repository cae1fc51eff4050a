-- The file of the SQLite store in trouble, looked at from outside with the sqlite3 shell.
local program = require("spec.support.program")
local uv = require("luv")

-- There is one step for each version.
local function latest()
  local n = 0
  for name in uv.fs_scandir_next, uv.fs_scandir("host/store/sql/sqlite") do
    n = n + (name:match("^%d+_.*%.sql$") and 1 or 0)
  end
  return tostring(n)
end

describe("the file of the SQLite store", function()
  local folder, mounted

  before_each(function()
    folder = program.folder()
  end)

  after_each(function()
    if mounted then
      os.execute("umount '" .. mounted .. "'")
      mounted = nil
    end
    program.remove(folder)
  end)

  -- Commands come from a file: a store that does not open never reads them, and writing
  -- to its pipe would end this process by SIGPIPE.
  local function store(commands, at)
    local input = folder .. "/commands"
    program.write(input, table.concat(commands, "\n") .. "\n")
    local result = program.run("/bin/sh", { "-c", 'exec "$0" "$1" < "$2"',
      program.build() .. "/probe/store_file", at or folder, input })
    local lines = {}
    for line in result.out:gmatch("[^\n]+") do
      lines[#lines + 1] = line
    end
    lines.code = result.code
    return lines
  end

  local function shell(sql, file)
    local result = program.run("sqlite3", { file or folder .. "/candy.db", sql })
    assert.equal(0, result.code, result.err)
    return (result.out:gsub("\n$", ""))
  end

  local function tells(line, ...)
    for _, part in ipairs({ ... }) do
      assert.truthy(line:find(part, 1, true), line)
    end
  end

  -- A file system of its own that is soon full; nil where that is not possible.
  local function small_disk()
    local disk = folder .. "/disk"
    assert(uv.fs_mkdir(disk, 448))
    local mount = program.run("mount", { "-t", "tmpfs", "-o", "size=3m", "tmpfs", disk })
    if mount.code ~= 0 then
      pending("a small tmpfs cannot be mounted here")
      return nil
    end
    mounted = disk
    return disk
  end

  it("is whole after a clean end and after a sudden one", function()
    assert.same({ "added 20", code = 0 }, store({ "add 20" }))
    assert.equal("1", shell("select value from candy_meta where name = 'clean'"))
    assert.same({ "added 5", code = 0 }, store({ "add 5", "leave" }))
    assert.same({ "available 25", code = 0 }, store({ "count" }))
    assert.equal("ok", shell("pragma integrity_check"))
    assert.equal("wal", shell("pragma journal_mode"))
  end)

  it("is refused when it is garbage", function()
    program.write(folder .. "/candy.db", ("no database at all "):rep(1000))
    local lines = store({ "count" })
    tells(lines[1], "store_corrupt: ", folder .. "/candy.db", "candy backup")
    assert.equal(1, lines.code)
  end)

  it("is refused when it is another program's", function()
    shell("create table other (a)")
    tells(store({ "count" })[1], "store_corrupt: ", "another program")
    assert.equal("other", shell("select name from sqlite_master"))
  end)

  it("is refused when pages are damaged, after an unclean end", function()
    store({ "add 200", "leave" })
    shell("pragma wal_checkpoint(truncate)")
    local file = assert(io.open(folder .. "/candy.db", "r+b"))
    local size = file:seek("end")
    file:seek("set", math.floor(size / 2 / 4096) * 4096)
    file:write(("\255"):rep(40960))
    file:close()
    tells(store({ "count" })[1], "store_corrupt: ", "candy backup")
  end)

  it("is refused when a newer Candy has written it", function()
    store({ "add 1" })
    shell("pragma user_version = 99")
    local lines = store({ "count" })
    tells(lines[1], "store_newer: ", "99", folder)
    assert.equal("99", shell("pragma user_version"))
    shell("pragma user_version = 1; "
      .. "update candy_meta set value = '99.1.0' where name = 'least_version'")
    tells(store({ "count" })[1], "store_newer: ", "99.1.0")
  end)

  it("is refused when the log table is not the one that is written to", function()
    store({ "add 1" })
    shell("alter table orchestrator_logs rename column trace_id to trace")
    local lines = store({ "count" })
    tells(lines[1], "store_log_columns: ", "candy.db", '"trace_id"', "rename column")
    assert.equal(1, lines.code)
    shell("alter table orchestrator_logs rename column trace to trace_id; "
      .. "alter table orchestrator_logs add column note text not null default 'x'; "
      .. "alter table orchestrator_logs add column more text")
    assert.equal("available 1", store({ "count" })[1])
    shell("alter table orchestrator_logs rename to old_logs")
    tells(store({ "count" })[1], "store_log_columns: ", '"id"')
  end)

  local SQL = "host/store/sql/sqlite/"

  -- A file as an older Candy left it: the migrations up to then, and jobs in every place.
  local JOBS = "insert into candy_name values (1, 0, 'old'), (2, 1, 'default'), "
    .. "(3, 2, 'default'); update candy_meta set value = 20 where name = 'next'; "
    .. "insert into candy_job (id, type, queue, workspace, priority, max_retries, "
    .. "created_at, payload) select value, 1, 2, 3, 0, 3, 1000, '{}' "
    .. "from json_each('[1, 2, 3, 4, 5]'); "
    .. "insert into candy_ready values (2, 0, 1, 1, 0, 0, 0, 1000), "
    .. "(2, 0, 9, 2, 1, 1, 0, 1000); "
    .. "insert into candy_set_aside values (1, 3, 2, 0, 3, 0, 0, 0); "
    .. "insert into candy_running values (4, 2, 0, 4, 1, 0, 0, 1000, 0); "
    .. "insert into candy_scheduled values (5, 0, 4e12, 2, 0, 0, 0, 0); "

  local function older(version, more)
    local files = { "001_queue.sql", "002_logs.sql" }
    local sql = {}
    for i = 1, version do
      sql[i] = assert(io.open(SQL .. files[i])):read("*a")
    end
    shell("; " .. table.concat(sql, "\n") .. JOBS .. (more or "")
      .. "pragma application_id = 1130458724; pragma user_version = " .. version)
  end

  it("is brought up to date, with its jobs in their places", function()
    for version = 1, 2 do
      os.remove(folder .. "/candy.db")
      older(version)
      assert.same({ "recovered 1", "available 5", code = 0 },
        store({ "recover", "count" }))
      assert.equal(latest(), shell("pragma user_version"))
      assert.equal("0", shell("select count(*) from orchestrator_logs"))
      assert.equal("1 0 1,2 0 9,4 0 4", shell("select group_concat(id || ' ' || turn "
        .. "|| ' ' || seq) from (select * from candy_ready order by id)"))
      assert.equal("2 9", shell("select id || ' ' || seq from candy_place"))
      assert.equal("0 1 3", shell("select kind || ' ' || scope || ' ' || id "
        .. "from candy_blocked"))
      assert.equal("5", shell("select id from candy_scheduled where seq is null"))
    end
  end)

  -- The gates had other numbers: jobs behind them meet them again, in their places.
  it("is brought up to date, with jobs at gates", function()
    assert.same({ "added 5", code = 0 }, store({ "add 5" }))
    shell("delete from candy_ready; insert into candy_blocked values "
      .. "(2, 2, 'k', 0, 4, 9, 1, 2, 1, 1, 0, 1), "
      .. "(6, 1, 'k', 0, 0, 2, 2, 2, 0, 0, 0, 2), "
      .. "(0, 1, '', 0, 0, 3, 3, 2, 0, 0, 0, 0), "
      .. "(10, 1, '', 0, 0, 4, 4, 2, 0, 0, 0, 3), "
      .. "(4, 1, '', -1, 0, 5, 5, 2, 2, 1, 1, 3); pragma user_version = 5")
    assert.same({ "available 5", code = 0 }, store({ "count" }))
    assert.equal("5 -1 0 5 2 1 1 3,2 0 0 2 0 0 0 2,1 0 4 9 1 1 0 1",
      shell("select group_concat(id || ' ' || priority || ' ' || turn || ' ' || seq "
        .. "|| ' ' || lease || ' ' || retry_count || ' ' || rescues || ' ' || held) "
        .. "from (select * from candy_ready order by priority, turn, seq)"))
    assert.equal("1", shell("select abs(since - unixepoch() * 1000) < 60000 "
      .. "from candy_ready limit 1"))
    assert.equal("1 9", shell("select id || ' ' || seq from candy_place"))
    assert.equal("3,4", shell("select group_concat(id) from candy_blocked"))
  end)

  it("is refused, and left as it is, when a strange log table is in the way", function()
    older(1, "create table orchestrator_logs (id integer primary key, msg text);")
    tells(store({ "count" })[1], "store_log_columns: ", '"time"', "Candy makes its own")
    assert.equal("1", shell("pragma user_version"))
    shell("alter table orchestrator_logs rename to old_logs")
    assert.equal("available 5", store({ "count" })[1])
  end)

  it("is refused in a folder that is not there", function()
    tells(store({ "count" }, folder .. "/nowhere")[1], "store_readonly: ", "nowhere",
      "No such file")
  end)

  it("is refused on a disk that cannot be written", function()
    local disk = small_disk()
    if disk then
      assert.same({ "added 1", code = 0 }, store({ "add 1" }, disk))
      local remount = program.run("mount", { "-o", "remount,ro", disk })
      assert.equal(0, remount.code)
      tells(store({ "count" }, disk)[1], "store_readonly: ", disk)
    end
  end)

  it("goes on by itself when a full disk has room again", function()
    local disk = small_disk()
    if disk then
      program.write(disk .. "/ballast", ("x"):rep(1000000))
      local lines = store({ "add 1000", "add 1", "remove " .. disk .. "/ballast",
        "add 10", "count" }, disk)
      tells(lines[1], "store_full after ", disk, "make room")
      tells(lines[2], "store_full after 0")
      local acknowledged = tonumber(lines[1]:match("after (%d+)")) + 10
      assert.same({ "removed", "added 10", "available " .. acknowledged },
        { lines[3], lines[4], lines[5] })
      assert.equal("ok", shell("pragma integrity_check", disk .. "/candy.db"))
    end
  end)

  it("says that the disk is full at the start", function()
    local disk = small_disk()
    if disk then
      os.execute(("head -c 4000000 /dev/zero > '%s/ballast' 2>/dev/null"):format(disk))
      tells(store({ "count" }, disk)[1], "store_full: ", disk)
    end
  end)

  it("tells a full disk from a statement that finds no row id", function()
    local disk = small_disk()
    if disk then
      local lines = store({
        "schema create table t (id integer primary key autoincrement, a)",
        "exec insert into t (id) values (9223372036854775807)",
        "exec insert into t (a) values (1)", "add 1",
        "exec insert into t (id, a) with recursive c (n) as (select 1 union all "
          .. "select n + 1 from c where n < 50) select n, randomblob(100000) from c",
        "count" }, disk)
      assert.equal("done", lines[1])
      tells(lines[3], "sql_error: ", "row id")
      assert.equal("added 1", lines[4])
      tells(lines[5], "store_full: ", disk, "make room")
      assert.equal("available 1", lines[6])
    end
  end)

  it("is readable for its owner alone", function()
    store({ "add 1", "leave" })
    for _, ending in ipairs({ "", "-wal", "-shm" }) do
      local stat = assert(uv.fs_stat(folder .. "/candy.db" .. ending))
      assert.equal(384, stat.mode % 512, "candy.db" .. ending)
    end
  end)

  it("leaves other files alone when it makes a backup", function()
    local copy = folder .. "/copy.db"
    program.write(copy .. ".part", "mine")
    assert.same({ "done", code = 0 }, store({ "backup " .. copy }))
    local file = assert(io.open(copy .. ".part", "rb"))
    assert.equal("mine", file:read("*a"))
    file:close()
  end)

  it("is copied whole by a backup, which opens as a store", function()
    local copy = folder .. "/copy.db"
    assert.same({ "added 50", "done", code = 0 }, store({ "add 50", "backup " .. copy }))
    assert.equal("ok", shell("pragma integrity_check", copy))
    assert.equal("50", shell("select count(*) from candy_ready", copy))
    assert.is_nil(uv.fs_stat(copy .. ".part"))
    tells(store({ "backup " .. copy })[1], "backup_exists: ", copy)
    program.write(folder .. "/restored/x", "")
    assert(uv.fs_rename(copy, folder .. "/restored/candy.db"))
    assert.same({ "available 50", "added 1", code = 0 },
      store({ "count", "add 1" }, folder .. "/restored"))
  end)

  it("leaves nothing behind when a backup fails", function()
    local copy = folder .. "/nowhere/copy.db"
    tells(store({ "backup " .. copy })[1], "backup_failed: ", copy)
    local disk = small_disk()
    if disk then
      local lines = store({ "add 400", "backup " .. disk .. "/copy.db", "add 1" })
      tells(lines[2], "backup_failed: ", disk .. "/copy.db")
      assert.equal("added 1", lines[3])
      assert.is_nil(uv.fs_stat(disk .. "/copy.db.part"))
      assert.is_nil(uv.fs_stat(disk .. "/copy.db"))
    end
  end)
end)
