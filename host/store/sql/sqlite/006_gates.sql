-- Gates have other numbers, and lines of strict order come before limits by key
-- (sqlite_gate.h): whoever waits at one meets them again, in its place.
insert into candy_ready (queue, priority, turn, seq, id, lease, retry_count, rescues,
                         since, held)
  select queue, priority, turn, seq, id, lease, retry_count, rescues,
         cast((julianday('now') - 2440587.5) * 86400000 as integer), held
  from candy_blocked where kind between 1 and 6;

insert into candy_place (id, queue, priority, turn, seq)
  select id, queue, priority, turn, seq
  from candy_blocked where kind between 1 and 6 and seq <> id;

delete from candy_blocked where kind between 1 and 6;
