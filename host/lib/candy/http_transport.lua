-- What carries outgoing requests: the client of candy.core, or in a test what stands in
-- its place. Both have http_start, http_write, http_write_end, http_head, http_read,
-- http_timings and http_close, as host/lua/l_http.c and l_http_answer.c tell them.
local core = require("candy.core")

if core.is_test() then
  return require("candy.http_stubs")
end
return core
