/* The inside of the queue, shared by its files. */
#ifndef CANDY_QUEUE_INSIDE_H
#define CANDY_QUEUE_INSIDE_H

#include "queue/queue.h"

struct finish;

struct queue {
  struct store *store;
  struct queue_config config;
  struct locks *locks;
  struct store_watch ends; /* of jobs that waited */
  uv_timer_t due;          /* the next scheduled job */
  uv_timer_t again;        /* finishes that could not be committed */
  uv_timer_t sweeper;      /* retention */
  int handles;
  size_t unsettled;
  struct finish *waiting;
  bool passing; /* deadlines: one operation at a time */
  bool sweeping;
  bool sweeps_logs;   /* the next step is one of the log */
  char trouble[32];   /* code of what turns failed for last, or "" */
  int64_t trouble_ns; /* when one did */
};

/* After each operation: next_due may have moved, jobs may have come back. */
void queue__settled(struct queue *queue);

/* finish.c: forgets the finishes that wait to be said again. */
void finish__drop_waiting(struct queue *queue);

/* What became of an operation: tells when trouble with the store begins and ends. */
void queue__note(struct queue *queue, const struct store_op *op);

/* Begins the retention of finished jobs. */
void queue__sweep_start(struct queue *queue);

#endif
