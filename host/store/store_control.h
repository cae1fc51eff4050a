/* What is done to jobs, queues and tasks from outside, and with age. See store.h. */
#ifndef CANDY_STORE_STORE_CONTROL_H
#define CANDY_STORE_STORE_CONTROL_H

#include "store/store_look.h"

/* Dead jobs back to available with retry_count 0 (REQUEUE; cancelled ones too where the
 * filter names states or ids), finished jobs forgotten with their history (PURGE; not
 * children that a job waits for), or jobs that wait or run ended (CANCEL), oldest first.
 * Jobs in other states are left alone. Many jobs take several turns, each of which stands
 * for itself.
 *
 * A job that waits is cancelled at once. For one that runs, those who watch the store are
 * told (struct store_watch); it ends with its claim. */
struct store_bulk {
  struct store_op op;
  struct store_filter filter;
  int64_t max;        /* at most so many */
  const char *reason; /* CANCEL: JSON {code,message} */
  const char *by;     /* who, for the audit; NULL: it is not for it */
  const char *asked;  /* for the audit: what was asked for, a JSON object */
  int64_t count;      /* out */
  int64_t told;       /* out: CANCEL: of them, those that run and were told now */
  int64_t again;      /* out: CANCEL: of them, those that had been told before */
  int64_t cursor;     /* the store's */
};

/* How many jobs a bulk operation would take now, without doing anything. */
struct store_count {
  struct store_op op;
  enum store_kind bulk; /* REQUEUE, PURGE, CANCEL */
  struct store_filter filter;
  int64_t max;   /* counts no further */
  int64_t count; /* out */
  bool more;     /* out: there may be more: max, or the time, was reached */
};

/* Jobs whose deadline has passed: those that wait are dead with the code "deadline",
 * those that run are told to end (as by STORE_CANCEL), and are dead then. Claims see to
 * it as well, before they take any. When to ask: store.next_deadline. */
struct store_deadlines {
  struct store_op op;
};

/* A queue or a task rests: its jobs wait where they are, and what runs goes on. */
struct store_pause {
  struct store_op op;
  bool task;   /* `name` is a task's, else a queue's */
  bool resume; /* it goes on */
  const char *name;
  const char *by;     /* who, for the audit */
  const char *reason; /* for people; NULL: none */
  bool known;         /* out: a job was of this name before, or it rests or rested */
  bool changed;       /* out: else it rested already, or did not rest */
  bool began;         /* the store's */
};

/* Changes a job that waits: what is set. */
struct store_edit {
  struct store_op op;
  int64_t id;
  const char *by;      /* who, for the audit */
  const char *payload; /* JSON text; NULL: as it is */
  size_t payload_len;
  const char *queue; /* NULL: as it is */
  bool sets_priority, sets_time, sets_tags;
  int priority;
  int64_t run_at, delay_ms; /* as of struct store_new; both 0: now */
  const char *tags;         /* JSON array; NULL: none */
  bool done;                /* out; else no such job waits */
};

/* Forgets finished jobs past their time, in small steps: many of them take several turns,
 * each of which stands for itself. */
struct store_expire {
  struct store_op op;
  int64_t completed_ms, dead_ms; /* ages */
  int64_t max;
  int64_t count; /* out, from 0: == max when there may be more */
};

#endif
