/* Time: the wall clock in milliseconds since 1970 UTC, a clock that never runs backwards
 * in nanoseconds, and durations as people write them. */
#ifndef CANDY_BASE_CLOCK_H
#define CANDY_BASE_CLOCK_H

#include <stdatomic.h>
#include <stdint.h>

#define CLOCK_MS 1000000LL /* nanoseconds in a millisecond */

int64_t clock_wall_ms(void);

/* Wall time for what must go on whatever is done to the wall clock: it follows a clock
 * that is set forward. Where one is set back it stays ahead, until the program ends, and
 * neither goes back nor stands still. */
int64_t clock_steady_ms(void);

/* In a test the wall clock stands still and somebody moves it: from now on it is what is
 * found there. To be called before there are threads. */
void clock_stand(const _Atomic int64_t *ms);
int64_t clock_standing_ms(void); /* what a clock that stands says; 0: it goes */

int64_t clock_mono_ns(void); /* CLOCK_MONOTONIC: the same in every process of a machine */

#define DURATION_MAX_MS (100LL * 366 * 86400 * 1000) /* 100 years */

/* "250ms", "30s", "2m", "1h", "7d": a whole number and a unit. Returns milliseconds, or
 * -1 when the text is no duration or is longer than 100 years. */
int64_t duration_parse(const char *text);

/* Writes ms the shortest exact way ("90s", "2m", "1500ms"); text has room for 32. */
const char *duration_format(int64_t ms, char text[32]);

/* RFC 3339 in UTC with milliseconds: "2026-11-22T08:00:00.000Z"; text has room for 32. */
const char *clock_format(int64_t ms, char text[32]);

/* Reads RFC 3339 ("2026-11-22T08:00:00Z", offsets and fractions of a second allowed).
 * Returns 0 and fills ms, or -1. */
int clock_parse(const char *text, int64_t *ms);

#endif
