/* Locks of jobs: see locks.h. A release that the store cannot take (a full disk) is said
 * again until it can. */
#include "queue/locks.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"

#define AGAIN_MS 500
#define LOOK_MS  60000 /* the wall clock may be set meanwhile */

/* One place in one line. It is in the list of its job until it leaves, and in the tree
 * of tokens from when the store has given it one. */
struct lock {
  struct store_lock take; /* its operation, under way until it has a token or is gone */
  struct locks *locks;
  struct lock_holder *holder; /* NULL: it has left before the store answered */
  struct lock *next;
  uint32_t number;
  char *name;
  int64_t token;
  lock_answered answered; /* NULL: nobody waits for an answer */
  void *arg;
};

struct lock_holder {
  struct locks *locks;
  struct lock *first;
  size_t n;
};

/* Places that are given back; they live until the store has it. */
struct leaving {
  struct store_lock op;
  struct locks *locks;
  struct leaving *next; /* among those that are to be said again */
  char *name;           /* for the answer, or NULL */
  lock_answered answered;
  void *arg;
  int64_t tokens[];
};

struct extension {
  struct store_lock op;
  struct locks *locks;
  char *name;
  int64_t token;
  lock_answered answered;
  void *arg;
};

struct locks {
  struct store *store;
  void *tokens; /* of struct lock, by token (search.h) */
  uv_timer_t due, again;
  int handles;
  struct store_lock look;
  bool looking, closed;
  struct leaving *unsaid;
};

/* ---- answers ---- */

static void answer(struct lock *l, int64_t until, const struct err *err)
{
  lock_answered answered = l->answered;
  struct lock_lease lease = {l->token, until};
  l->answered = NULL;
  if (answered)
    answered(l->arg, err ? NULL : &lease, err);
}

static void answer_locked(struct lock *l)
{
  struct err err;
  char waited[32];
  err_set(&err, "locked",
          "candy.lock: \"%.200s\" is held by another job, and was not free within %s",
          l->name, duration_format(l->take.wait_ms, waited));
  answer(l, 0, &err);
}

static void answer_crowded(struct lock *l)
{
  struct err err;
  err_set(&err, "lock_crowded",
          "candy.lock: %d jobs hold or wait for \"%.200s\", and no more may: use several "
          "locks, or start less jobs at a time",
          STORE_LOCK_LINE, l->name);
  answer(l, 0, &err);
}

static int lost(const char *name, struct err *err)
{
  return err_set(
      err, "lock_lost",
      "candy.lock: the lease of \"%.200s\" has ended, and another job may hold "
      "it now: extend it in time, or take it with a longer ttl",
      name);
}

/* ---- places ---- */

static int by_token(const void *a, const void *b)
{
  int64_t x = ((const struct lock *)a)->token, y = ((const struct lock *)b)->token;
  return x < y ? -1 : x > y;
}

static struct lock *find(const struct locks *locks, int64_t token)
{
  struct lock key = {.token = token};
  struct lock *const *found = tfind(&key, &locks->tokens, by_token);
  return found ? *found : NULL;
}

static struct lock *find_of(const struct lock_holder *holder, uint32_t number)
{
  struct lock *l = holder ? holder->first : NULL;
  while (l && l->number != number)
    l = l->next;
  return l;
}

static void leave_holder(struct lock *l)
{
  if (!l->holder)
    return;
  struct lock **at = &l->holder->first;
  while (*at != l)
    at = &(*at)->next;
  *at = l->next;
  l->holder->n--;
  l->holder = NULL;
}

static void forget(struct lock *l)
{
  leave_holder(l);
  if (l->token)
    tdelete(l, &l->locks->tokens, by_token);
  free(l->name);
  free(l);
}

/* ---- what the store says ---- */

static void heed(struct locks *locks, const struct store_lock *op);

static void looked(struct store_op *op)
{
  struct locks *locks = op->arg;
  locks->looking = false;
  heed(locks, &locks->look);
  store_op_fini(op);
}

static void look(uv_timer_t *timer)
{
  struct locks *locks = timer->data;
  if (locks->looking || locks->closed)
    return;
  locks->looking = true;
  locks->look = (struct store_lock){
      .op = {.kind = STORE_LOCK, .done = looked, .arg = locks}, .verb = STORE_LOCK_LOOK};
  store_submit(locks->store, &locks->look.op);
}

static void look_at(struct locks *locks, int64_t due)
{
  int64_t in = due - locks->store->now();
  if (locks->closed)
    return;
  if (due == 0) {
    uv_timer_stop(&locks->due);
    return;
  }
  if (in > LOOK_MS)
    in = LOOK_MS;
  uv_timer_start(&locks->due, look, in > 1 ? (uint64_t)in : 1, 0);
}

/* A lock came to one that waited, or the time of one is over. */
static void change(struct lock *l, int64_t until)
{
  if (until > 0) {
    answer(l, until, NULL);
    return;
  }
  answer_locked(l); /* a holder has had its answer, and learns it when it asks again */
  forget(l);
}

/* What an operation of a lock did beside its own affair. */
static void heed(struct locks *locks, const struct store_lock *op)
{
  if (op->op.status < 0) {
    look_at(locks, locks->store->now() + AGAIN_MS);
    return;
  }
  for (size_t i = 0; i < op->n_changes; i++) {
    struct lock *l = find(locks, op->changes[i].token);
    if (l)
      change(l, op->changes[i].until);
  }
  look_at(locks, op->next_due);
}

/* ---- leaving ---- */

static void again(uv_timer_t *timer);

static void leaving_free(struct leaving *leaving)
{
  free(leaving->name);
  free(leaving);
}

static void answer_leaving(struct leaving *leaving)
{
  struct err gone, *err = leaving->op.op.err;
  if (!leaving->answered)
    return;
  if (!err && leaving->op.state != STORE_LOCK_HELD) {
    lost(leaving->name, &gone);
    err = &gone;
  }
  leaving->answered(leaving->arg, &(struct lock_lease){0}, err);
  leaving->answered = NULL;
}

static void left(struct store_op *op)
{
  struct leaving *leaving = op->arg;
  struct locks *locks = leaving->locks;
  bool failed = op->status < 0;
  answer_leaving(leaving);
  heed(locks, &leaving->op);
  store_op_fini(op);
  if (!failed || locks->closed) {
    leaving_free(leaving);
    return;
  }
  leaving->next = locks->unsaid;
  locks->unsaid = leaving;
  uv_timer_start(&locks->again, again, AGAIN_MS, 0);
}

static void say(struct leaving *leaving)
{
  leaving->op.changes = NULL;
  leaving->op.n_changes = 0;
  store_submit(leaving->locks->store, &leaving->op.op);
}

static void again(uv_timer_t *timer)
{
  struct locks *locks = timer->data;
  struct leaving *leaving = locks->unsaid;
  locks->unsaid = NULL;
  while (leaving) {
    struct leaving *next = leaving->next;
    say(leaving);
    leaving = next;
  }
}

static struct leaving *leaving_new(struct locks *locks, size_t max)
{
  struct leaving *leaving = mem_alloc(sizeof *leaving + max * sizeof leaving->tokens[0]);
  leaving->locks = locks;
  leaving->op.op = (struct store_op){.kind = STORE_LOCK, .done = left, .arg = leaving};
  leaving->op.verb = STORE_LOCK_LEAVE;
  leaving->op.tokens = leaving->tokens;
  return leaving;
}

/* One place is given up. Before the store has answered there is no token yet: then what
 * it answers is given back (taken). */
static void give_up(struct lock *l, struct leaving *leaving)
{
  struct err err;
  err_set(&err, "cancelled", "candy.lock: \"%.200s\" is not wanted any more", l->name);
  answer(l, 0, &err);
  if (l->token) {
    leaving->tokens[leaving->op.n_tokens++] = l->token;
    forget(l);
  } else {
    leave_holder(l);
  }
}

void locks_leave(struct locks *locks, struct lock_holder *holder,
                 const struct lock_wish *wish, lock_answered answered, void *arg)
{
  struct lock *l = find_of(holder, wish->number);
  struct leaving *leaving = leaving_new(locks, 1);
  struct err err;
  if (l)
    give_up(l, leaving);
  if (leaving->op.n_tokens > 0) {
    leaving->name = mem_strdup(wish->name);
    leaving->answered = answered;
    leaving->arg = arg;
    say(leaving);
    return;
  }
  leaving_free(leaving);
  lost(wish->name, &err);
  answered(arg, NULL, &err);
}

void locks_end(struct lock_holder **holder)
{
  struct lock_holder *h = *holder;
  *holder = NULL;
  if (!h)
    return;
  struct leaving *leaving = leaving_new(h->locks, h->n);
  for (struct lock *l = h->first, *next; l; l = next) {
    next = l->next;
    give_up(l, leaving);
  }
  if (leaving->op.n_tokens > 0 && !h->locks->closed)
    say(leaving);
  else
    leaving_free(leaving);
  free(h);
}

/* ---- taking ---- */

static void give_back(struct locks *locks, int64_t token)
{
  struct leaving *leaving = leaving_new(locks, 1);
  leaving->tokens[leaving->op.n_tokens++] = token;
  say(leaving);
}

static void taken(struct store_op *op)
{
  struct lock *l = op->arg;
  enum store_lock_state state = op->status < 0 ? STORE_LOCK_OVER : l->take.state;
  bool in_line = state == STORE_LOCK_HELD || state == STORE_LOCK_WAITS;
  heed(l->locks, &l->take);
  if (in_line && l->holder) {
    l->token = l->take.token;
    tsearch(l, &l->locks->tokens, by_token);
    if (state == STORE_LOCK_HELD)
      answer(l, l->take.until, NULL);
  } else if (in_line) {
    give_back(l->locks, l->take.token);
  } else if (op->err) {
    answer(l, 0, op->err);
  } else if (state == STORE_LOCK_CROWDED) {
    answer_crowded(l);
  } else {
    answer_locked(l);
  }
  store_op_fini(op);
  if (!l->token)
    forget(l);
}

static bool may_take(const struct lock_holder *holder, const struct lock_wish *wish,
                     struct err *err)
{
  if (holder && holder->n >= LOCKS_OF_JOB) {
    err_set(err, "too_many_locks",
            "candy.lock: a job holds or waits for %d locks at most: release some first",
            LOCKS_OF_JOB);
    return false;
  }
  for (const struct lock *l = holder ? holder->first : NULL; l; l = l->next)
    if (strcmp(l->name, wish->name) == 0) {
      err_set(err, "lock_reentered",
              "candy.lock: this job holds \"%.200s\" already, or waits for it: it would "
              "wait for itself",
              wish->name);
      return false;
    }
  return true;
}

static struct lock *lock_new(struct locks *locks, const struct lock_wish *wish)
{
  struct lock *l = mem_alloc(sizeof *l);
  l->locks = locks;
  l->number = wish->number;
  l->name = mem_strdup(wish->name);
  l->take = (struct store_lock){
      .op = {.kind = STORE_LOCK, .done = taken, .arg = l},
      .verb = STORE_LOCK_TAKE,
      .name = l->name,
      .job = wish->job,
      .wait_ms = wish->wait_ms,
      .ttl_ms = wish->ttl_ms,
  };
  return l;
}

static void join_holder(struct lock *l, struct lock_holder **holder)
{
  if (!*holder) {
    *holder = mem_alloc(sizeof **holder);
    (*holder)->locks = l->locks;
  }
  l->holder = *holder;
  l->next = l->holder->first;
  l->holder->first = l;
  l->holder->n++;
}

void locks_take(struct locks *locks, struct lock_holder **holder,
                const struct lock_wish *wish, lock_answered answered, void *arg)
{
  struct err err;
  if (!may_take(*holder, wish, &err)) {
    answered(arg, NULL, &err);
    return;
  }
  struct lock *l = lock_new(locks, wish);
  l->answered = answered;
  l->arg = arg;
  join_holder(l, holder);
  store_submit(locks->store, &l->take.op);
}

/* ---- extending ---- */

static void extended(struct store_op *op)
{
  struct extension *e = op->arg;
  struct lock_lease lease = {e->token, e->op.until};
  struct err gone, *err = op->err;
  heed(e->locks, &e->op);
  if (!err && e->op.state != STORE_LOCK_HELD) {
    lost(e->name, &gone);
    err = &gone;
  }
  e->answered(e->arg, err ? NULL : &lease, err);
  store_op_fini(op);
  free(e->name);
  free(e);
}

void locks_extend(struct locks *locks, struct lock_holder *holder,
                  const struct lock_wish *wish, lock_answered answered, void *arg)
{
  const struct lock *l = find_of(holder, wish->number);
  struct err err;
  if (!l || !l->token) {
    lost(wish->name, &err);
    answered(arg, NULL, &err);
    return;
  }
  struct extension *e = mem_alloc(sizeof *e);
  *e = (struct extension){.locks = locks,
                          .name = mem_strdup(wish->name),
                          .token = l->token,
                          .answered = answered,
                          .arg = arg};
  e->op = (struct store_lock){.op = {.kind = STORE_LOCK, .done = extended, .arg = e},
                              .verb = STORE_LOCK_EXTEND,
                              .ttl_ms = wish->ttl_ms,
                              .tokens = &e->token,
                              .n_tokens = 1};
  store_submit(locks->store, &e->op.op);
}

/* ---- life ---- */

struct locks *locks_new(uv_loop_t *loop, struct store *store)
{
  struct locks *locks = mem_alloc(sizeof *locks);
  locks->store = store;
  locks->handles = 2;
  uv_timer_init(loop, &locks->due);
  uv_timer_init(loop, &locks->again);
  locks->due.data = locks->again.data = locks;
  return locks;
}

static void closed(uv_handle_t *handle)
{
  struct locks *locks = handle->data;
  if (--locks->handles == 0)
    free(locks);
}

void locks_free(struct locks **out)
{
  struct locks *locks = *out;
  *out = NULL;
  locks->closed = true;
  while (locks->unsaid) {
    struct leaving *leaving = locks->unsaid;
    locks->unsaid = leaving->next;
    leaving_free(leaving);
  }
  uv_close((uv_handle_t *)&locks->due, closed);
  uv_close((uv_handle_t *)&locks->again, closed);
}
