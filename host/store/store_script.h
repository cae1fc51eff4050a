/* The SQL, transactions, tables and values of scripts. See store.h. */
#ifndef CANDY_STORE_STORE_SCRIPT_H
#define CANDY_STORE_STORE_SCRIPT_H

#include "store/store_op.h"

/* SQL of scripts: only tables that scripts own, within budgets of time and rows.
 * Errors: "sql_error", "sql_forbidden", "sql_timeout", "sql_too_many_rows". */
struct store_sql {
  struct store_op op; /* STORE_EXEC or STORE_QUERY */
  const char *sql;    /* one statement */
  const char *params; /* JSON array */
  struct buf
      answer; /* out: QUERY: JSON array of objects; EXEC: {"changes":n,"last_id":n} */
};

/* A transaction of a script is a conversation. BEGIN answers with a number as soon as the
 * store's writer is there for it alone; SQL runs statements in it; END keeps what they
 * did or takes it back. Transactions have their turn in the order of BEGIN, and other
 * writes come between two of them.
 *
 * It is over, and nothing of it is kept, STORE_TX_MS after its BEGIN, with the first
 * statement that fails, and when the host dies. What comes for one that is over fails
 * with "tx_timeout". */
#define STORE_TX_MS 50

struct store_tx_begin {
  struct store_op op;
  int64_t id, lease; /* the job that asks, whose lease must hold ("stale_lease"); 0: none
                      */
  int64_t tx;        /* out: its number, never used twice */
};

struct store_tx_sql {
  struct store_sql sql; /* op.kind is STORE_TX_SQL; budgets and errors as there */
  int64_t tx;
  bool reads; /* the answer is that of QUERY, else that of EXEC */
};

struct store_tx_end {
  struct store_op op;
  int64_t tx;
  bool keep;
};

/* Tables of scripts. Each schema is a list of steps; steps that were applied before must
 * be unchanged (by text), new ones at the end are applied. Error: "schema_changed", or
 * "sql_error" naming schema and step. */
struct store_schema {
  struct store_op op;
  const char *name;
  const char *const *steps;
  size_t n;
};

enum store_kv_verb {
  STORE_KV_GET,
  STORE_KV_LIST,
  STORE_KV_SET,
  STORE_KV_ADD,
  STORE_KV_DELETE
};

struct store_kv {
  struct store_op op; /* STORE_KV_READ for GET and LIST, else STORE_KV_WRITE */
  enum store_kv_verb verb;
  const char *workspace; /* NULL: "default" */
  const char *key;       /* LIST: the prefix */
  const char *after;     /* LIST: only keys behind this one; NULL: from the first */
  const char *value;     /* SET: JSON text */
  double by;             /* ADD: to a number; an absent key counts as 0 */
  int64_t expires_ms;    /* SET, and ADD to an absent key: from now; 0: never */
  int64_t if_version;    /* SET, DELETE: only at this one; 0: when absent; -1: always */
  int64_t limit;         /* LIST: rows; about 4 MB are given in any case */
  bool found;            /* out: GET: there; SET, DELETE: done */
  bool more;             /* out: LIST: there are keys behind the last one given */
  int64_t version;       /* out: SET, DELETE that are not done: the one that is there */
  struct buf answer;     /* out: GET, ADD: JSON value; LIST: [{key,value,version}] */
};

#endif
