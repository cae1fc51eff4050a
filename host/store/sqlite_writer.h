/* What the writer knows, and the operations that it runs in its turns. See sqlite.h.
 *
 * Functions return 0 or -1 with err, unless they say otherwise.
 */
#ifndef CANDY_STORE_SQLITE_WRITER_H
#define CANDY_STORE_SQLITE_WRITER_H

#include "base/buf.h"
#include "base/err.h"
#include "store/sqlite_conn.h"
#include "store/store.h"

enum sqlite_kind { NAME_TYPE, NAME_QUEUE, NAME_WORKSPACE };

/* Names as small numbers, all of them in memory; ids begin at 1 and have no gaps. */
struct sqlite_names {
  char **texts;   /* by id - 1; each lives until close */
  uint8_t *kinds; /* enum sqlite_kind */
  size_t n, cap;
  uint32_t *slots; /* a hash table of ids; 0: free */
  size_t slots_n;
};

int sqlite__names_load(struct sqlite_conn *c, struct sqlite_names *names,
                       struct err *err);
void sqlite__names_fini(struct sqlite_names *names);
void sqlite__names_cut(struct sqlite_names *names, size_t n); /* forgets the newest */
const char *sqlite__name(const struct sqlite_names *names, int64_t id);

bool sqlite__name_known(const struct sqlite_names *names, enum sqlite_kind kind,
                        const char *text);

/* The id of a name, which is added when it is new; or -1. */
int64_t sqlite__name_id(struct sqlite_conn *c, struct sqlite_names *names,
                        enum sqlite_kind kind, const char *text, struct err *err);

/* What this host can run: a flag for each name. */
enum { TYPE_UNKNOWN, TYPE_KNOWN, TYPE_ONCE };

struct sqlite_types {
  size_t n;
  uint8_t flags[]; /* by id of the type's name */
};

/* What the last STORE_TYPES left to claims: jobs that it makes ready again. */
enum sqlite_settling {
  SETTLED,
  SETTLING_TYPES, /* of types that had been unknown: others may be claimed meanwhile */
  SETTLING_GATES, /* behind gates: nothing may */
};

/* What the writer keeps in memory beside the database. It is changed while a turn runs
 * and put back when the turn is rolled back. */
struct sqlite_memory {
  int64_t next;          /* of the sequence */
  int64_t next_due;      /* the earliest run_at in candy_scheduled; 0: none */
  int64_t last_queue;    /* claims go on behind this one */
  int64_t look_at;       /* when to look behind jobs that wait for slots; 0: never */
  int64_t swept;         /* expiry goes on behind this id */
  int64_t logs_last;     /* the newest line's id */
  int64_t logs_indexed;  /* how far the words of lines are in their index */
  int64_t asked;         /* rows of candy_cancel */
  int64_t next_deadline; /* the earliest of candy_deadline; 0: none */
  bool after;            /* candy_after has rows */
  bool fans;             /* candy_batch has rows with a parent */
  bool left;             /* what was over left more to do than one turn takes */
  enum sqlite_settling settling;
  struct sqlite_types *types; /* NULL: nobody has named any */
  struct sqlite_gates *gates; /* NULL: there are no policies */
  size_t names;
};

/* What those who watch are told of a turn (sqlite_cancel.c): running jobs that were asked
 * to end, and waiting ones that have ended. */
struct sqlite_told {
  struct sqlite_tell {
    int64_t id, lease;
    char *reason;
    bool ended;             /* it waited; from here on only of such a job */
    enum store_state state; /* what it is now */
    int retry_count;
    char *type, *workspace, *trace; /* trace: or NULL */
  } * all;

  size_t n, cap;
};

/* What rests: a flag for each name. */
struct sqlite_pauses {
  bool known;  /* else they are to be read again */
  bool queues; /* some queue does */
  size_t n;
  uint8_t *flags; /* by id of the name - 1 */
};

/* What is to be done because something is over. */
struct sqlite_todo {
  enum {
    TODO_OVER,   /* a job: those that wait for it */
    TODO_CANCEL, /* a batch: its jobs behind `from` */
  } kind;

  enum store_state state; /* OVER: what became of the job */
  int64_t id, from;
};

/* What a job changes in the counts of its batch. */
struct sqlite_tally {
  int64_t batch, job;
  int8_t total, completed, dead, cancelled;
};

#define SQLITE_AWAITED 65536

/* What operations leave for the end of the turn: see sqlite_graph.c. */
struct sqlite_graph {
  struct sqlite_todo *todo;
  size_t n, cap;
  size_t next;  /* those in front of it are done */
  size_t begun; /* how many there were when the turn began */
  struct sqlite_tally *tallies;
  size_t tallies_n, tallies_cap;
  size_t touched; /* jobs that came back or were cancelled in this turn */
  bool loosened;  /* rows of candy_after went in this turn */
  bool stuck;     /* the last turn failed: what is left waits for the next operation */

  struct { /* the batch that a job joined last in this turn; id 0: none */
    int64_t id;
    bool bounded, cancelling;
    bool children; /* some job waits for it */
  } joined;

  /* A bit each id modulo SQLITE_AWAITED: set where somebody may wait for such a job. */
  uint8_t awaited[SQLITE_AWAITED / 8];
};

struct sqlite_writer {
  struct sqlite_conn conn;
  struct sqlite_pauses pauses;
  struct sqlite_told told;
  struct sqlite_names names;
  struct sqlite_memory memory;
  struct sqlite_graph graph;
  int64_t now;                       /* of the turn, on the store's clock */
  struct sqlite_types *types_before; /* as they were when the turn began */
  struct sqlite_gates *gates_before; /* the same */
  int64_t tx_last;                   /* the number of the last transaction of a script */
  int64_t *found_at; /* by id of a queue's name - 1: when a claim found something there */
  size_t found_n;
  bool log_index_failed; /* the last step did: the next one waits longer */
  int wal_looked;        /* pages written to the WAL when its size was looked at last */
  bool wal_grows;        /* it was found too short, and there is room */
  struct err broken; /* why the file cannot be trusted any more; code is empty: it can */
};

/* Operations of a turn. They return 0, -1, or TURN_AGAIN when they have done a part and
 * want to go on in the next turn. */
enum { TURN_AGAIN = 1 };

int sqlite__enqueue(struct sqlite_writer *w, struct store_op *op, struct err *err);
int sqlite__claim(struct sqlite_writer *w, struct store_op *op, struct err *err);
int sqlite__finish(struct sqlite_writer *w, struct store_op *op, struct err *err);
int sqlite__progress(struct sqlite_writer *w, struct store_op *op, struct err *err);
int sqlite__types(struct sqlite_writer *w, struct store_op *op, struct err *err);
/* A step of what STORE_TYPES left. */
int sqlite__settle_types(struct sqlite_writer *w, struct err *err);
int sqlite__recover(struct sqlite_writer *w, struct store_op *op, struct err *err);
int sqlite__requeue(struct sqlite_writer *w, struct store_op *op, struct err *err);
int sqlite__purge(struct sqlite_writer *w, struct store_op *op, struct err *err);
int sqlite__cancel(struct sqlite_writer *w, struct store_op *op, struct err *err);
int sqlite__deadlines(struct sqlite_writer *w, struct store_op *op, struct err *err);
int sqlite__pause(struct sqlite_writer *w, struct store_op *op, struct err *err);
int sqlite__edit(struct sqlite_writer *w, struct store_op *op, struct err *err);
int sqlite__expire(struct sqlite_writer *w, struct store_op *op, struct err *err);
int sqlite__exec(struct sqlite_writer *w, struct store_op *op, struct err *err);
int sqlite__schema(struct sqlite_writer *w, struct store_op *op, struct err *err);
int sqlite__kv_write(struct sqlite_writer *w, struct store_op *op, struct err *err);
int sqlite__lock(struct sqlite_writer *w, struct store_op *op, struct err *err);
int sqlite__key_add(struct sqlite_writer *w, struct store_op *op, struct err *err);
int sqlite__log_write(struct sqlite_writer *w, struct store_op *op, struct err *err);
int sqlite__log_expire(struct sqlite_writer *w, struct store_op *op, struct err *err);
int sqlite__vacuum(struct sqlite_writer *w, struct store_op *op, struct err *err);
int sqlite__batch(struct sqlite_writer *w, struct store_op *op, struct err *err);
int sqlite__batch_cancel(struct sqlite_writer *w, struct store_op *op, struct err *err);

/* A point to go back to inside of a turn; one at a time. */
struct sqlite_mark {
  size_t names, told;
  int64_t next_due, next_deadline, asked;
  size_t todo, tallies; /* of the graph */
  size_t changes;       /* of gates */
};

int sqlite__mark(struct sqlite_writer *w, struct sqlite_mark *mark, struct err *err);
int sqlite__keep(struct sqlite_writer *w, struct err *err);
void sqlite__undo(struct sqlite_writer *w, const struct sqlite_mark *mark);

/* The states in which a bulk operation takes jobs. */
unsigned sqlite__bulk_states(enum store_kind kind, const struct store_filter *filter);

/* Parts of operations that others need. */
void sqlite__set_types(struct sqlite_writer *w, struct sqlite_types *types);
int sqlite__add_job(struct sqlite_writer *w, struct store_new *job, struct err *err);

struct sqlite_place { /* of a job that waits or runs */
  int64_t id, queue, priority, turn, seq, lease, retry_count, rescues;
  int64_t held; /* while it waits: the slots that it holds all the same (sqlite_gate.h) */
};

struct sqlite_subject { /* what policies know a job by */
  int64_t type, queue;
  const char *key; /* or NULL */
};

/* A place that is not the job's first has seq other than id: it gets a new number of the
 * sequence whenever it is brought back to another place than its old one. */
/* As place, or when that lies ahead, among those that wait for run_at. */
int sqlite__add_at(struct sqlite_writer *w, const struct sqlite_place *p, int64_t run_at,
                   struct err *err);
int sqlite__add_ready(struct sqlite_writer *w, const struct sqlite_place *p,
                      struct err *err);
int sqlite__leave_ready(struct sqlite_writer *w, const struct sqlite_place *p,
                        struct err *err); /* but for the row of candy_ready itself */
int sqlite__add_scheduled(struct sqlite_writer *w, const struct sqlite_place *p,
                          enum store_state state, int64_t run_at, struct err *err);
int sqlite__forget(struct sqlite_writer *w, const int64_t *ids, size_t n,
                   struct err *err); /* ids in order */

#endif
