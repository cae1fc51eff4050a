/* The inside of the door, shared by its files. */
#ifndef CANDY_QUEUE_DOOR_INSIDE_H
#define CANDY_QUEUE_DOOR_INSIDE_H

#include "queue/door.h"

struct door { /* one request on its way in */
  struct door_batch *batch;
  const struct catalog *catalog;
  const char *pointer;
  struct store_new job;
  struct door_payload given;        /* with a text */
  bool payload_read;                /* `payload` is what the text says */
  json_t *payload;                  /* NULL when it is no object */
  bool misfit;                      /* the payload does not fit the task's schema */
  const struct unique_rule *unique; /* the task's, or what the request says instead */
};

/* The request's field (a pointer within it) is wrong. */
void door__problem(struct door *door, const char *field, const char *code,
                   const char *fmt, ...) __attribute__((format(printf, 4, 5)));

void door__unknown_field(struct door *door, const char *name, const char *text);

/* door_fields.c: reads one field; what is none is a problem, and null is nothing. */
#define NAME_MAX_LEN 200
void door__field(struct door *door, const char *name, const json_t *value);

/* A request whose text this is. */
void door__add_one(struct door_batch *batch, const struct catalog *catalog,
                   const json_t *spec, struct json_span text, const char *pointer);

/* The elements of an array; `prefix` is where it stands in what the caller sent. */
void door__add_list(struct door_batch *batch, const struct catalog *catalog,
                    const json_t *list, struct json_span text, const char *prefix);

/* A request with the payload as a string of JSON text. */
void door__add_spec(struct door_batch *batch, const struct catalog *catalog,
                    const json_t *spec, const char *pointer);

/* door_payload.c */

struct door_payload door__find_payload(struct door_batch *batch, const json_t *spec,
                                       struct json_span text, const char *pointer);
void door__read_payload(struct door *door, const struct catalog_task *task,
                        const struct door_payload *given);
/* Once all fields are read: what follows from the payload; a key that was given wins. */
void door__settle(struct door *door, const struct catalog_task *task);

/* door_graph.c: fields of jobs that belong to others */
void door__ref(struct door *door, const json_t *value);
void door__after(struct door *door, const json_t *value);
void door__after_failure(struct door *door, const json_t *value);
void door__join(struct door *door, const json_t *value);

#endif
