-- Batches, some of which are cancelled, and what follows them.
local batches = { tables = {
  batches = "n integer, acked integer, id integer",
  batches_asked = "id integer",
} }

-- One in ten members adds another one to its batch, and one in sixty dies.
batches.script = [[
task("member", { key = "{k}", key_concurrency = 2 }, function(job)
  local n = job.payload.n
  begin(job)
  meet(job)
  rest(job, 30)
  local is_first = job.batch and not job.payload.part
  if n % 60 == 0 and is_first then
    return nil, candy.permanent("on purpose")
  end
  if n % 10 == 1 and is_first then
    job:enqueue("member", { n = n, k = job.payload.k, part = 1 },
      { batch = job.batch })
  end
  effect(job)
end)

-- The value says how far the batch was.
local function follower(name)
  task(name, {}, function(job)
    begin(job)
    local batch = assert(candy.batch.get(job.batch))
    effect(job, ("%d of %d"):format(batch.completed + batch.dead + batch.cancelled,
      batch.total))
  end)
end

follower("batch_won")
follower("batch_over")
follower("batch_lost")
]]

batches.kinds = { member = { weight = 0, keys = 6, dies = true } }

batches.limits = {
  { name = "member", types = { "member" }, by_key = true, at_most = 2 },
}

local function send(load, call)
  local items, jobs, order = {}, {}, load:number()
  for i = 1, math.random(10) do
    items[i] = load:item("member")
    jobs[i] = load:task(items[i])
  end
  local payload = { n = order }
  local answer = call("POST", "/batches", { jobs = jobs,
    at_most = math.random(3) == 1 and 2 or nil,
    on_success = { type = "batch_won", payload = payload },
    on_complete = { type = "batch_over", payload = payload },
    on_death = { type = "batch_lost", payload = payload } })
  local batch = load:keep(items, answer)
  load:note("batches", order, batch ~= nil, batch and batch.id or 0)
  batches.last = batch and batch.id or batches.last
end

local function cancel(load, call)
  if batches.last and math.random(8) == 1 then
    load:note("batches_asked", batches.last)
    call("POST", ("/batches/%s/cancel"):format(batches.last))
  end
end

batches.deeds = { send, cancel }

function batches.meetings(load)
  local meetings = {}
  for k = 1, batches.kinds.member.keys do
    meetings[k] = load:meeting("member", 2, k)
  end
  return meetings
end

batches.sql = [[
  create table told as
    select b.id, b.total, b.completed, b.dead, b.cancelled, b.finished_at, (
        select count(*) from jobs j where j.batch = b.id) members, (
        select sum(state = 'completed') from jobs j
          where j.batch = b.id) have_completed, (
        select sum(state = 'dead') from jobs j where j.batch = b.id) have_died, (
        select count(*) from jobs j where j.batch = -b.id and type = 'batch_won') won, (
        select count(*) from jobs j where j.batch = -b.id and type = 'batch_over') over, (
        select count(*) from jobs j where j.batch = -b.id and type = 'batch_lost') lost, (
        select seq from effects e join jobs j on j.id = e.id
          where j.batch = -b.id and type = 'batch_over') over_seq, (
        select value from effects e join jobs j on j.id = e.id
          where j.batch = -b.id and type = 'batch_over') over_value, (
        select max(seq) from effects e join jobs j on j.id = e.id
          where j.batch = b.id) last_seq
      from store.candy_batch b where parent is null;
  insert into mortal values ('member', 'error');
  insert into excuses select id from jobs where code = 'batch_cancelled'
    and batch in (select id from batches_asked);
]]

batches.faults = {
  batch_lost = [[
    select n, id from batches where acked and id not in (select id from told)]],
  miscounted = [[
    select id, total, completed, dead, cancelled, members from told
      where total <> members or completed <> have_completed or dead <> have_died
        or completed + dead + cancelled <> total]],
  unended = "select id, total from told where finished_at is null",
  followers = [[
    select id, total, have_completed, have_died, won, over, lost from told
      where over <> 1 or won <> (have_completed = total) or lost <> (have_died > 0)]],
  followed_early = [[
    select id, over_seq, last_seq, over_value from told
      where over_seq < last_seq or over_value <> total || ' of ' || total]],
}

batches.tampering = {
  batch_lost = "update batches set id = -1 where n = "
    .. "(select max(n) from batches where acked)",
  miscounted = "update told set completed = completed + 1 where id = "
    .. "(select max(id) from told)",
  unended = "update told set finished_at = null where id = (select max(id) from told)",
  followers = "update told set over = 2 where id = (select max(id) from told)",
  followed_early = "update told set over_value = '0 of 0' where id = "
    .. "(select max(id) from told)",
}

return batches
