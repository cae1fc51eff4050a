/* Care, on demand; backends without such a thing answer with zeros. See store.h. */
#ifndef CANDY_STORE_STORE_CARE_H
#define CANDY_STORE_STORE_CARE_H

#include "store/store_op.h"

/* Looks whether the store is whole, a table at a time. */
struct store_check {
  struct store_op op;
  int64_t tables;      /* out: that were looked at */
  int64_t n_problems;  /* out */
  struct buf problems; /* out: the first 100 as JSON strings with commas between */
  struct buf skipped;  /* out: tables too large to look at in 5 s, likewise */
};

struct store_space {
  struct store_op op;
  int64_t bytes;      /* out */
  int64_t free_bytes; /* out: of them, for new rows */
  int64_t log_bytes;  /* out: what is not yet in its place (the WAL) */
};

/* Brings what is in the log into its place, beside the writer. */
struct store_checkpoint {
  struct store_op op;
  int64_t pages, moved; /* out: in the log; of them, in their place by now */
  bool busy;            /* out: one is under way already */
};

/* Gives free space back to the file system, a little in each of many turns. */
struct store_vacuum {
  struct store_op op;
  int64_t freed, left; /* out: pages */
  int64_t before;      /* the store's */
  bool began;
};

#endif
