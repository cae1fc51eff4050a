/* Gates: where jobs wait for a slot, because of limits or of strict order.
 *
 * A job passes up to four gates on its way from ready to running, those of strict order
 * first, and then narrow ones first:
 *
 *   1  its queue, when that is in strict order
 *   2  its key in its queue, when that is in strict order
 *   3  its key in its task, when that is in strict order
 *   4  its key in its queue, when that has limits alone
 *   5  its key in its task, the same
 *   6  its task
 *
 * At each it takes a slot. One that finds none waits behind the gate in candy_blocked,
 * and keeps the slots of the gates before: `held` of its place is the number of the last
 * gate whose slot it has. So nobody waits for a slot while having one further on, and no
 * two jobs wait for each other. Who frees a slot calls the first that waits for it, which
 * goes back to its place in candy_ready with the slot in its hands, and never waits there
 * again; who comes later waits behind all others. A line of strict order comes before
 * limits, so that those who wait in it have nothing that its first could need when it
 * comes back: that keeps the line and waits for the rest.
 *
 * The limit of a queue as a whole is no gate: its jobs stay where they are, and claims
 * pass the queue over while it is full.
 *
 * Rows are the slots: those of candy_running, and those elsewhere with `held`. What is
 * counted here is counted from them at the start, and whenever policies change; nothing
 * of it is stored. A turn that falls is taken back by a journal of what it changed.
 *
 * A rate is a list of moments with how many began then, a row of candy_start each. A
 * closed one opens at a known time, which is in a heap.
 *
 * sqlite_policy.c says which gates there are, sqlite_gate.c counts, sqlite_start.c knows
 * rates, sqlite_pass.c moves jobs, sqlite_slots.c counts from rows.
 */
#ifndef CANDY_STORE_SQLITE_GATE_H
#define CANDY_STORE_SQLITE_GATE_H

#include "store/sqlite.h"

enum {
  HELD_QUEUE = 1,
  HELD_QUEUE_LINE,
  HELD_TASK_LINE,
  HELD_QUEUE_KEY,
  HELD_TASK_KEY,
  HELD_TASK,
  HELD_ALL = SQLITE_HELD_ALL
};

/* ---- policies: sqlite_policy.c ---- */

struct sqlite_rule { /* of a gate */
  int64_t concurrency;
  int64_t rate, window_ms; /* rate 0: any */
  bool strict;             /* one at a time, and its slot is kept while it waits */
  bool keyless;            /* of keys: holds for jobs without one too */
};

struct sqlite_weight {
  char *key;
  int64_t weight;
};

struct sqlite_policy { /* of a type or of a queue */
  bool is_queue;
  struct sqlite_rule own, key;
  bool fair;
  int64_t ageing_ms;
  struct sqlite_weight *weights; /* sorted by key */
  size_t n_weights;
  int64_t turns_given, turns_max; /* to forget those of keys that have none left */
};

struct sqlite_policies {
  struct sqlite_policy **by_name; /* by id of the name - 1; NULL where there is none */
  size_t n;
  struct buf text; /* all of it, to be compared */
  int shares;      /* who has it, beside the first */
};

/* What the operation says; *out is NULL when there is no policy at all. */
int sqlite__policies_new(struct sqlite_writer *w, const struct store_types *op,
                         struct sqlite_policies **out, struct err *err);
void sqlite__policies_free(struct sqlite_policies **policies);

struct sqlite_policies *sqlite__policies_share(struct sqlite_policies *policies);

/* The policy of a type or a queue, or NULL. */
struct sqlite_policy *sqlite__policy(const struct sqlite_writer *w, int64_t name);

/* The rule by which there is a gate, or NULL. */
const struct sqlite_rule *sqlite__rule(const struct sqlite_writer *w,
                                       enum sqlite_gate_kind kind, int64_t scope);

/* ---- gates in memory: sqlite_gate.c ---- */

struct sqlite_gate_state {
  int64_t taken;    /* slots */
  int64_t reserved; /* of them, by jobs that do not run */
  int64_t called;   /* of a queue: ready jobs that hold slots */
  int64_t turn;     /* of a fair queue: of the job that was claimed last */
  bool waited_for;  /* jobs may wait behind it; false: none does */
};

struct sqlite_starts {
  struct sqlite_start {
    int64_t at, n;
    int64_t saved; /* what its row has; -1: unknown */
  } * log;         /* oldest first */

  size_t first, end, cap;
  int64_t total;
  bool shortened; /* rows have to go */
};

struct sqlite_gate {
  struct sqlite_gate *next; /* with the same hash */
  const struct sqlite_rule *rule;
  uint32_t hash;
  enum sqlite_gate_kind kind;
  int64_t scope;
  struct sqlite_gate_state state;
  struct sqlite_starts starts;
  int64_t opens_at; /* as the heap has it; 0: not there */
  int items;        /* of heaps */
  bool ends;        /* is among those whose starts end some time */
  bool touched;     /* in this turn */
  char key[];
};

struct sqlite_heap { /* gates by time, the earliest first */

  struct sqlite_heap_item {
    int64_t at;
    struct sqlite_gate *gate;
  } * items;

  size_t n, cap;
};

/* A change of a gate in this turn: how it was before, or (n) so many starts more. */
struct sqlite_change {
  struct sqlite_gate *gate;
  struct sqlite_gate_state before;
  int64_t at, n;
};

struct sqlite_gates {
  struct sqlite_policies *policies;
  struct sqlite_gate **slots; /* a hash table */
  size_t slots_n, n;
  struct sqlite_heap opens; /* gates that open by time and are waited for */
  struct sqlite_heap ends;  /* gates with starts, by when the last one counts no more */
  struct sqlite_change *journal;
  size_t journal_n, journal_cap;
  struct sqlite_gate **touched;
  size_t touched_n, touched_cap;
};

struct sqlite_gates *sqlite__gates_new(struct sqlite_policies *policies);

/* The gate, which is made when there is a rule for it; else NULL. */
struct sqlite_gate *sqlite__gate(struct sqlite_writer *w, enum sqlite_gate_kind kind,
                                 int64_t scope, const char *key);
int sqlite__gate_level(enum sqlite_gate_kind kind); /* 0: no gate of this file */
struct sqlite_gate_id sqlite__gate_id(const struct sqlite_gate *g);

/* To be called before the state changes. */
void sqlite__gate_change(struct sqlite_writer *w, struct sqlite_gate *g);
void sqlite__gate_note(struct sqlite_writer *w, struct sqlite_change change);

/* Whether it has room for one more, or for one that has its slot already. */
bool sqlite__gate_admits(const struct sqlite_writer *w, struct sqlite_gate *g,
                         bool has_slot);

/* ---- rates: sqlite_start.c ---- */

bool sqlite__rate_admits(const struct sqlite_writer *w, struct sqlite_gate *g,
                         int64_t reserved);
void sqlite__rate_add(struct sqlite_writer *w, struct sqlite_gate *g, int64_t at,
                      int64_t n);
void sqlite__rate_load(struct sqlite_writer *w, struct sqlite_gate *g, int64_t at,
                       int64_t n);
void sqlite__rate_undo(struct sqlite_gate *g, int64_t at, int64_t n);
int64_t sqlite__rate_opens_at(const struct sqlite_gate *g); /* 0: no rate keeps it shut */
void sqlite__heap_push(struct sqlite_heap *heap, struct sqlite_gate *g, int64_t at);
struct sqlite_gate *sqlite__heap_pop(struct sqlite_heap *heap);

/* Jobs behind the gate are called at that time. */
void sqlite__gate_opens(struct sqlite_writer *w, struct sqlite_gate *g, int64_t at);

/* ---- jobs at gates: sqlite_pass.c ---- */

struct sqlite_gates_of { /* a job's, by number; NULL where there is none */
  struct sqlite_gate *at[HELD_ALL + 1];
};

void sqlite__find_gates(struct sqlite_writer *w, const struct sqlite_subject *s,
                        struct sqlite_gates_of *out);

/* The last gate before `level` that jobs of this queue and type meet, though one without
 * a key may pass it; 0: none. Whoever waits at `level` has come from there. */
int sqlite__last_gate(const struct sqlite_writer *w, int64_t queue, int64_t type,
                      int level);

/* The last gate of strict order up to `held`. */
int64_t sqlite__kept_of(const struct sqlite_gates_of *gates, int64_t held);

/* Whether a place with `held` has the slot of this gate of its. */
bool sqlite__has_slot(const struct sqlite_gate *g, int level, int64_t held);

/* sqlite_order.c: to what turn the fair queues have come. */
int sqlite__find_turns(struct sqlite_writer *w, struct err *err);

#endif
