/* Cron expressions: "minute hour day-of-month month day-of-week", in the words of
 * crontab(5), and names such as @daily. Only what an expression says is known here; time
 * zones are names of the system's tzdata.
 */
#ifndef CANDY_BASE_CRON_H
#define CANDY_BASE_CRON_H

#include "base/err.h"
#include <stdbool.h>
#include <stdint.h>

struct cron {       /* bit n: at n */
  uint64_t minutes; /* 0 to 59 */
  uint32_t hours;   /* 0 to 23 */
  uint32_t days;    /* 1 to 31 */
  uint16_t months;  /* 1 to 12 */
  uint8_t weekdays; /* 0 (Sunday) to 6 */
  bool any_day;     /* the field begins with a star: then only the weekday counts, */
  bool any_weekday; /* and the other way round; else either of the two is enough */
};

/* Returns 0, or -1 with err ("bad_cron", naming field and fault), also for an expression
 * that no date ever fits, such as the 30th of February. */
int cron_parse(struct cron *cron, const char *text, struct err *err);

/* Whether the system knows the time zone: 0, or -1 with err ("bad_zone"). */
int cron_check_zone(const char *name, struct err *err);

#endif
