/* Transactions of scripts: the writer, between two turns, is there for one of them alone.
 *
 * Nothing else is written meanwhile, so it waits for the next statement only until
 * STORE_TX_MS after the begin: a worker that dawdles or dies holds others up for no
 * longer. Each is followed by a turn, so however many there are, jobs go on.
 */
#include "store/sqlite.h"

#include "base/clock.h"

struct tx {
  struct sqlite *store;
  struct sqlite_conn *c;
  bool open;
  int64_t number, deadline_ns;
};

static int is_over(struct err *err)
{
  return err_set(
      err, "tx_timeout",
      "the transaction is over: it may take %d ms in all, and nothing of it is "
      "kept; do less in it, and what takes time before it",
      STORE_TX_MS);
}

/* ---- its steps ---- */

static void roll_back(struct tx *tx)
{
  int rc = tx->c->rc;
  if (!sqlite3_get_autocommit(tx->c->db))
    sqlite__run(tx->c, SQL_ROLLBACK, NO_ARGS, NULL);
  tx->c->rc = rc;
  tx->open = false;
}

static int check_lease(struct tx *tx, const struct store_tx_begin *op, struct err *err)
{
  int64_t held = 0;
  if (op->id == 0)
    return 0;
  if (sqlite__number(tx->c, SQL_FENCE, ARGS(arg_int(op->id), arg_int(op->lease)), -1,
                     &held, err) < 0)
    return -1;
  if (held >= 0)
    return 0;
  return err_set(err, "stale_lease",
                 "another attempt has taken the job over: what this one writes has no "
                 "effect any more");
}

static int begin(struct tx *tx, struct store_tx_begin *op, struct err *err)
{
  if (sqlite__run(tx->c, SQL_BEGIN, NO_ARGS, err) < 0)
    return -1;
  tx->open = true;
  tx->number = op->tx = ++tx->store->writer.tx_last;
  tx->deadline_ns = clock_mono_ns() + STORE_TX_MS * CLOCK_MS;
  return check_lease(tx, op, err);
}

static int run_sql(struct tx *tx, struct store_tx_sql *op, struct err *err)
{
  struct store_sql *sql = &op->sql;
  int rc = op->reads ? sqlite__script_query(tx->c, sql->sql, sql->params, tx->deadline_ns,
                                            &sql->answer, err)
                     : sqlite__script_exec(tx->c, sql->sql, sql->params, tx->deadline_ns,
                                           &sql->answer, err);
  if (rc < 0 && strcmp(err->code, "sql_timeout") == 0)
    is_over(err);
  return rc;
}

static int end(struct tx *tx, const struct store_tx_end *op, struct err *err)
{
  int rc = 0;
  if (op->keep)
    rc = sqlite__script_settled(tx->c, err);
  if (op->keep && rc == 0)
    rc = sqlite__run(tx->c, SQL_COMMIT, NO_ARGS, err) < 0 ? -1 : 0;
  roll_back(tx); /* what was not committed */
  return rc;
}

/* ---- the conversation ---- */

static int64_t number_of(const struct store_op *op)
{
  return op->kind == STORE_TX_SQL ? ((const struct store_tx_sql *)op)->tx
                                  : ((const struct store_tx_end *)op)->tx;
}

static int run(struct tx *tx, struct store_op *op, struct err *err)
{
  sqlite__conn_forgive(tx->c);
  if (op->kind == STORE_TX_BEGIN)
    return begin(tx, (struct store_tx_begin *)op, err);
  if (!tx->open || number_of(op) != tx->number || clock_mono_ns() > tx->deadline_ns)
    return is_over(err);
  return op->kind == STORE_TX_SQL ? run_sql(tx, (struct store_tx_sql *)op, err)
                                  : end(tx, (const struct store_tx_end *)op, err);
}

static void hand_back(struct sqlite *store, struct store_op *op)
{
  uv_mutex_lock(&store->lock);
  store->fatal = store->writer.broken;
  sqlite__list_add(&store->finished, op);
  uv_mutex_unlock(&store->lock);
  uv_cond_signal(&store->to_deliver);
  uv_async_send(store->wake);
}

/* The first failure ends the transaction, but not that of a statement for another one. */
static void serve(struct tx *tx, struct store_op *op)
{
  struct sqlite_writer *w = &tx->store->writer;
  struct err err = w->broken;
  bool own = op->kind == STORE_TX_BEGIN || (tx->open && number_of(op) == tx->number);
  int rc = w->broken.code[0] ? -1 : run(tx, op, &err);
  if (rc < 0 && own) {
    if (sqlite__conn_broken(tx->c))
      w->broken = err;
    roll_back(tx);
  }
  if (rc < 0) {
    op->status = -1;
    op->err = mem_alloc(sizeof *op->err);
    *op->err = err;
  }
  hand_back(tx->store, op);
}

/* Waits for it until the deadline; NULL then, and when none can come any more. */
static struct store_op *next_statement(struct tx *tx)
{
  struct sqlite *store = tx->store;
  uv_mutex_lock(&store->lock);
  while (!store->statements.first && !store->closing) {
    int64_t left = tx->deadline_ns - clock_mono_ns();
    if (left <= 0)
      break;
    uv_cond_timedwait(&store->to_write, &store->lock, (uint64_t)left);
  }
  struct store_op *op = sqlite__list_take(&store->statements);
  uv_mutex_unlock(&store->lock);
  return op;
}

static struct store_op *take(struct sqlite *store, struct sqlite_list *list)
{
  uv_mutex_lock(&store->lock);
  struct store_op *op = sqlite__list_take(list);
  uv_mutex_unlock(&store->lock);
  return op;
}

void sqlite__tx_serve(struct sqlite *store)
{
  struct tx tx = {.store = store, .c = &store->writer.conn};
  struct store_op *op;
  while ((op = take(store, &store->statements)))
    serve(&tx, op); /* it came too late */
  if ((op = take(store, &store->begins)))
    serve(&tx, op);
  while (tx.open && (op = next_statement(&tx)))
    serve(&tx, op);
  if (tx.open)
    roll_back(&tx);
}
