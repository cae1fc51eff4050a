-- One worker that makes requests to a local nginx, 1,000 at a time, beside wrk and npm's
-- undici against the same server in the same run; and 1 GB that is streamed through it.
local uv = require("luv")
local candy = require("spec.support.candy")
local hosts = require("bench.hosts")
local machine = require("bench.machine")
local poll = require("spec.support.poll")
local statistics = require("bench.statistics")

local CONCURRENCY = 1000
local BIG = 2 ^ 30

local SCRIPT = [[
local candy = require("candy")

local flood = { url = "string", requests = "integer", concurrency = "integer" }
candy.task("flood", { payload = flood, max_retries = 0 }, function(job)
  local p = job.payload
  local function loop()
    for _ = 1, p.requests / p.concurrency do
      assert(assert(candy.http.get(p.url)).ok)
    end
  end
  local loops = {}
  local began = candy.time.now()
  for i = 1, p.concurrency do
    loops[i] = candy.spawn(loop)
  end
  for _, strand in ipairs(loops) do
    strand:wait()
  end
  return { seconds = (candy.time.now() - began) / 1000 }
end)

candy.task("swallow", { payload = { url = "string" }, max_retries = 0 }, function(job)
  local bytes, began = 0, candy.time.now()
  for piece in assert(candy.http.stream(job.payload.url, { expect = "ok" })):chunks() do
    bytes = bytes + #piece
  end
  return { bytes = bytes, seconds = (candy.time.now() - began) / 1000 }
end)
]]

local NGINX = [[
daemon off;
worker_processes 1;
pid FOLDER/nginx.pid;
error_log FOLDER/error.log;
events { worker_connections 4096; }
http {
  access_log off;
  keepalive_requests 100000000;
  client_body_temp_path FOLDER/body;
  proxy_temp_path FOLDER/proxy;
  fastcgi_temp_path FOLDER/fastcgi;
  uwsgi_temp_path FOLDER/uwsgi;
  scgi_temp_path FOLDER/scgi;
  server {
    listen 127.0.0.1:PORT;
    sendfile on;
    root FOLDER;
    location = /small { default_type application/json; return 200 '{"ok":true}'; }
  }
}
]]

local function free_port()
  local probe = uv.new_tcp()
  probe:bind("127.0.0.1", 0)
  local port = probe:getsockname().port
  probe:close()
  uv.run("nowait")
  return port
end

local function start_nginx()
  local folder, port = candy.folder(), free_port()
  uv.fs_chmod(folder, 493) -- nginx reads files as another user than root
  candy.write(folder .. "/nginx.conf",
    (NGINX:gsub("FOLDER", folder):gsub("PORT", tostring(port))))
  local big = assert(io.open(folder .. "/big", "wb"))
  big:seek("set", BIG - 1)
  big:write("\0")
  big:close()
  local run = candy.spawn("/usr/sbin/nginx", { "-c", folder .. "/nginx.conf" }, {})
  poll.wait_for(function() return uv.fs_stat(folder .. "/nginx.pid") end, 20, "nginx")
  return { run = run, folder = folder, url = "http://127.0.0.1:" .. port }
end

local function stop_nginx(server)
  uv.kill(server.run.pid, "sigterm")
  candy.join(server.run)
  candy.remove(server.folder)
end

local function output(file, args)
  local run = candy.spawn(file, args, {})
  assert(candy.join(run) == 0, file .. ": " .. run.err.text)
  return run.out.text
end

local peers = {}

function peers.wrk(url, scale)
  local text = output("wrk", { "-t1", "-c" .. CONCURRENCY, "-d" .. scale.http_s .. "s",
    url })
  return tonumber(text:match("Requests/sec:%s*([%d.]+)"))
end

function peers.undici(url, scale)
  return scale.http_requests / tonumber(output(candy.node(), { "bench/undici.js", url,
    tostring(scale.http_requests), tostring(CONCURRENCY) }))
end

local function result_of(host, id)
  local job = host:wait(id)
  assert(job.state == "completed", require("cjson").encode(job))
  return job.result
end

local function flood(host, url, scale)
  return scale.http_requests / result_of(host, host:push("flood", { url = url,
    requests = scale.http_requests, concurrency = CONCURRENCY })).seconds
end

-- Each run: all three in turn, so that what else the machine does meets them alike.
local function compare(report, host, url, scale)
  local rates = { candy = {}, wrk = {}, undici = {} }
  local worker = assert(host:workers()[1])
  local memory = {}
  flood(host, url, scale) -- libcurl is opened, connections and code are warm
  for i = 1, scale.runs do
    memory[i] = machine.memory(worker).rss
    rates.candy[i] = flood(host, url, scale)
    rates.wrk[i] = peers.wrk(url, scale)
    rates.undici[i] = peers.undici(url, scale)
  end
  local ours = statistics.median(rates.candy)
  report("outgoing requests, 1000 at a time", ours, "requests/s")
  for _, peer in ipairs({ "wrk", "undici" }) do
    local theirs = statistics.median(rates[peer])
    report("the same by " .. peer, theirs, "requests/s")
    report("outgoing requests against " .. peer, ours / theirs, "times")
  end
  report("worker after the first run, resident", memory[1], "kB")
  report("worker after the last run, resident", machine.memory(worker).rss, "kB")
end

local function stream(report, host, url)
  local worker = assert(host:workers()[1])
  local before = machine.memory(worker).rss
  local result = result_of(host, host:push("swallow", { url = url .. "/big" }))
  assert(result.bytes == BIG, result.bytes)
  report("1 GB streamed through", BIG / 2 ^ 20 / result.seconds, "MB/s")
  report("worker before it, resident", before, "kB")
  report("worker after it, resident", machine.memory(worker).rss, "kB")
end

return function(report, scale)
  local server = start_nginx()
  local ok, why = xpcall(function()
    local host = hosts.start({ workers = 1, more_scripts = { ["http.lua"] = SCRIPT } })
    compare(report, host, server.url .. "/small", scale)
    hosts.drop(host)
    host = hosts.start({ workers = 1, more_scripts = { ["http.lua"] = SCRIPT } })
    stream(report, host, server.url)
    hosts.drop(host)
  end, debug.traceback)
  stop_nginx(server)
  assert(ok, why)
end
