/* The retry delay: see policy.h. */
#include "queue/policy.h"

int64_t policy_delay_ms(const struct policy_backoff *own, int n, double random)
{
  int64_t ms = POLICY_CAP_MS;
  if (own->n > 0)
    return own->ms[(size_t)n <= own->n ? (size_t)n - 1 : own->n - 1];
  if (n < 8) /* 8^4 s is past the cap */
    ms = (int64_t)n * n * n * n * 1000;
  if (ms > POLICY_CAP_MS)
    ms = POLICY_CAP_MS;
  int64_t half = ms / 2;
  return half + (int64_t)((double)half * random);
}
