/* The order of a queue: which place a job gets that comes in.
 *
 * A place is (priority, turn, seq). In strict order priorities are 0, so that the
 * sequence alone counts. Fairness and ageing are a turn each, which is given once and
 * needs no care while the job waits:
 *
 *   fair    its key's last turn, or that of the job that was claimed last when that is
 *           later, and a step more, the smaller the more weight the key has: so keys take
 *           turns, and one that was idle gets no credit for it (self-clocked fair
 * queueing) ageing  when it came, and so much later for each step of its priority as a
 * wait must last to make up for it. The turn stands for the priority as well, which is 0
 *           in the place; to tell the two apart such turns are odd, and fair ones even.
 */
#include "store/sqlite_gate.h"

#include <stdlib.h>

#define STEP      ((int64_t)1 << 20)
#define TURNS_MIN 1000 /* turns given before keys that need none are looked for */

static bool is_strict(const struct sqlite_policy *q, const struct sqlite_policy *type,
                      const char *key)
{
  return (q && (q->own.strict || (q->key.strict && key))) ||
         (type && type->key.strict && key);
}

int sqlite__ordered_priority(const struct sqlite_writer *w,
                             const struct sqlite_subject *s, int priority)
{
  if (!sqlite__has_policy(w, s->type, s->queue))
    return priority;
  bool strict =
      is_strict(sqlite__policy(w, s->queue), sqlite__policy(w, s->type), s->key);
  return strict ? 0 : priority;
}

/* ---- fairness ---- */

static int by_key(const void *a, const void *b)
{
  return strcmp(a, ((const struct sqlite_weight *)b)->key);
}

static int64_t step_of(const struct sqlite_policy *q, const char *key)
{
  const struct sqlite_weight *found =
      q->n_weights ? bsearch(key, q->weights, q->n_weights, sizeof *q->weights, by_key)
                   : NULL;
  return (STEP / (found ? found->weight : 1)) & ~(int64_t)1;
}

/* Keys whose last turn is over need none to be known: forgotten when as many turns were
 * given as there were keys. */
static int forget_turns(struct sqlite_writer *w, struct sqlite_policy *q, int64_t queue,
                        int64_t now, struct err *err)
{
  int64_t left = 0;
  if (q->turns_given++ < (q->turns_max ? q->turns_max : TURNS_MIN))
    return 0;
  if (sqlite__run(&w->conn, SQL_TURNS_FORGET, ARGS(arg_int(queue), arg_int(now)), err) <
          0 ||
      sqlite__number(&w->conn, SQL_TURNS_COUNT, ARGS(arg_int(queue)), 0, &left, err) < 0)
    return -1;
  q->turns_given = 0;
  q->turns_max = left > TURNS_MIN ? left : TURNS_MIN;
  return 0;
}

static int give_turn(struct sqlite_writer *w, struct sqlite_policy *q,
                     const struct sqlite_subject *s, struct sqlite_place *p,
                     struct err *err)
{
  const char *key = s->key ? s->key : "";
  int64_t now = sqlite__gate(w, GATE_QUEUE, s->queue, "")->state.turn;
  if (sqlite__number(
          &w->conn, SQL_TURN_GIVE,
          ARGS(arg_int(s->queue), arg_text(key), arg_int(now), arg_int(step_of(q, key))),
          0, &p->turn, err) < 0)
    return -1;
  return forget_turns(w, q, s->queue, now, err);
}

/* The turn that a fair queue has come to is that of a job that runs, else it is not past
 * that of the first in line. */
int sqlite__find_turns(struct sqlite_writer *w, struct err *err)
{
  const struct sqlite_policies *all = w->memory.gates->policies;
  for (size_t i = 0; i < all->n; i++) {
    const struct sqlite_policy *q = all->by_name[i];
    if (!q || !q->fair)
      continue;
    struct sqlite_gate *g = sqlite__gate(w, GATE_QUEUE, (int64_t)i + 1, "");
    if (sqlite__number(&w->conn, SQL_TURN_NOW, ARGS(arg_int((int64_t)i + 1)), 0,
                       &g->state.turn, err) < 0)
      return -1;
    g->state.turn &= ~(int64_t)1;
  }
  return 0;
}

/* ---- places ---- */

int sqlite__place_in_order(struct sqlite_writer *w, const struct sqlite_subject *s,
                           struct sqlite_place *p, struct err *err)
{
  struct sqlite_policy *q = sqlite__policy(w, s->queue);
  p->turn = 0;
  if (!q)
    return 0;
  if (q->fair)
    return give_turn(w, q, s, p, err);
  if (q->ageing_ms) {
    p->turn = (w->now + p->priority * q->ageing_ms) * 2 + 1;
    p->priority = 0;
  }
  return 0;
}

static bool is_odd(int64_t turn)
{
  return turn % 2 != 0;
}

int sqlite__own_priority(struct sqlite_writer *w, const struct sqlite_place *p,
                         int64_t *priority, struct err *err)
{
  *priority = p->priority;
  if (!is_odd(p->turn))
    return 0;
  return sqlite__number(&w->conn, SQL_JOB_PRIORITY, ARGS(arg_int(p->id)), 0, priority,
                        err);
}

int sqlite__leave_line(struct sqlite_writer *w, struct sqlite_place *p, struct err *err)
{
  return sqlite__own_priority(w, p, &p->priority, err) < 0
             ? -1
             : sqlite__give_up_slots(w, p, err);
}

int sqlite__place_again(struct sqlite_writer *w, struct sqlite_place *p, struct err *err)
{
  struct sqlite_conn *c = &w->conn;
  p->turn = 0;
  if (!w->memory.gates)
    return 0;
  sqlite3_stmt *row = sqlite__start(c, SQL_ORIGIN, ARGS(arg_int(p->id)));
  int rc = sqlite__next(c, row, err);
  if (rc <= 0)
    return rc;
  struct sqlite_subject s = {
      .type = sqlite3_column_int64(row, 0),
      .queue = p->queue,
      .key = sqlite__text(row, 1),
  };
  p->priority = sqlite__ordered_priority(w, &s, (int)p->priority);
  rc = sqlite__place_in_order(w, &s, p, err);
  sqlite__stop(row);
  return rc;
}
