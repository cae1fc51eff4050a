-- Certificates for specs, made by openssl on a folder of the spec; and a TLS server
-- (openssl s_server) that answers any request with a page of its own.
local candy = require("spec.support.candy")
local poll = require("spec.support.poll")
local uv = require("luv")

local certificates = {}
local Folder = {}
Folder.__index = Folder

local function openssl(...)
  local run = candy.spawn("openssl", { ... }, {})
  assert(candy.join(run) == 0, run.err.text)
end

--- A folder with an authority: ca.pem.
function certificates.folder()
  local self = setmetatable({ path = candy.folder(), servers = {} }, Folder)
  openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
    "-nodes", "-keyout", self.path .. "/ca.key", "-out", self.path .. "/ca.pem",
    "-subj", "/CN=Authority of a spec", "-days", "3650")
  return self
end

--- Makes name.pem and name.key, signed by the authority, for hosts such as
--- "DNS:localhost,IP:127.0.0.1". days < 0: it has expired.
function Folder:make(name, hosts, days)
  local base = self.path .. "/" .. name
  candy.write(base .. ".ext", "subjectAltName=" .. hosts .. "\n")
  openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
    "-keyout", base .. ".key", "-out", base .. ".csr", "-subj", "/CN=" .. name)
  openssl("x509", "-req", "-in", base .. ".csr", "-CA", self.path .. "/ca.pem",
    "-CAkey", self.path .. "/ca.key", "-CAcreateserial", "-out", base .. ".pem",
    "-days", tostring(days or 365), "-extfile", base .. ".ext")
end

--- A server with that certificate; returns its port.
function Folder:serve(name)
  local out = uv.new_pipe(false)
  local text = ""
  local base = self.path .. "/" .. name
  local process = assert(uv.spawn("openssl", { stdio = { nil, out, nil }, args = {
    "s_server", "-accept", "127.0.0.1:0", "-cert", base .. ".pem", "-key",
    base .. ".key", "-www", "-naccept", "100",
  } }, function() end))
  out:read_start(function(_, chunk) text = text .. (chunk or "") end)
  self.servers[#self.servers + 1] = { process = process, out = out }
  return tonumber(poll.wait_for(function()
    return text:match("ACCEPT 127.0.0.1:(%d+)")
  end, 20, "openssl s_server"))
end

--- Ends the servers and removes the folder.
function Folder:remove()
  for _, server in ipairs(self.servers) do
    server.process:kill("sigkill")
    server.process:close()
    server.out:close()
  end
  uv.run("nowait")
  candy.remove(self.path)
end

return certificates
