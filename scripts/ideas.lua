-- An inbox for ideas: `idea` keeps one, `ideas` finds them again.
--
--   candy enqueue idea '{"text":"a tour of the studio","tags":["video"]}'
--   candy enqueue ideas '{"search":"studio"}' --wait
local candy = require("candy")

candy.schema("ideas", {
  "create table ideas (id integer primary key, text text, tags text, at integer)",
})

candy.task("idea", {
  description = "Keeps an idea.",
  payload = { text = "string", tags = "string[]?" },
}, function(job)
  local tags = job.payload.tags or {}
  job:write("insert into ideas (text, tags, at) values (?, ?, ?)", job.payload.text,
    "," .. table.concat(tags, ",") .. ",", candy.time.now())
end)

candy.task("ideas", {
  description = "Finds ideas, the newest first.",
  payload = { search = "string?", tag = "string?", limit = "integer?" },
  max_retries = 0,
}, function(job)
  local p = job.payload
  return candy.db.query([[
    select id, text, trim(tags, ',') as tags, at from ideas
    where instr(lower(text), lower(?)) > 0 and instr(tags, ?) > 0
    order by id desc limit ?]],
    p.search or "", p.tag and "," .. p.tag .. "," or ",", p.limit or 50)
end)
