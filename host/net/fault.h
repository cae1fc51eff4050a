/* Why the server refuses a request before any handler sees it. */
#ifndef CANDY_NET_FAULT_H
#define CANDY_NET_FAULT_H

struct fault {
  int status;
  const char *code; /* static */
  char detail[200];
};

/* Fills the fault and returns -1. */
int fault_set(struct fault *fault, int status, const char *code, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

#endif
