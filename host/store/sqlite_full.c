/* Which queues are full, for those who look at jobs.
 *
 * Jobs of a full queue stay in candy_ready, where claims pass them over, so no row says
 * that they wait for a slot. The writer says it after each turn, under the lock, and
 * readers ask by the SQL function queue_is_full(id of the queue's name).
 */
#include "store/sqlite.h"

#include "store/sqlite_gate.h"

#include <stdlib.h>

void sqlite__full_note(struct sqlite *store)
{
  struct sqlite_writer *w = &store->writer;
  const struct sqlite_gates *gates = w->memory.gates;
  size_t n = gates ? gates->policies->n : 0;
  if (n > store->full_n)
    store->full = mem_grow(store->full, n);
  store->full_n = n;
  for (size_t i = 0; i < n; i++)
    store->full[i] = sqlite__queue_is_full(w, (int64_t)i + 1);
}

static void queue_is_full(sqlite3_context *context, int n, sqlite3_value **args)
{
  (void)n;
  struct sqlite *store = sqlite3_user_data(context);
  sqlite3_int64 queue = sqlite3_value_int64(args[0]);
  uv_mutex_lock(&store->lock);
  bool full = queue > 0 && (size_t)queue <= store->full_n && store->full[queue - 1];
  uv_mutex_unlock(&store->lock);
  sqlite3_result_int(context, full);
}

void sqlite__full_init(struct sqlite *store, struct sqlite_conn *c)
{
  sqlite3_create_function_v2(c->db, "queue_is_full", 1, SQLITE_UTF8, store, queue_is_full,
                             NULL, NULL, NULL);
}
