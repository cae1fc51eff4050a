/* Nearness is the edit distance with swaps of neighbours (optimal string alignment),
 * letters compared without case: see nearest.h. */
#include "conf/nearest.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static char lower(char c)
{
  return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static bool same(char a, char b)
{
  return lower(a) == lower(b);
}

static size_t least(size_t a, size_t b)
{
  return a < b ? a : b;
}

/* Both words are shorter than NEAREST_MAX. */
static size_t distance(const char *a, const char *b)
{
  size_t m = strlen(a), n = strlen(b);
  unsigned char d[NEAREST_MAX][NEAREST_MAX] = {{0}};
  for (size_t i = 0; i <= m; i++)
    d[i][0] = (unsigned char)i;
  for (size_t j = 0; j <= n; j++)
    d[0][j] = (unsigned char)j;
  for (size_t i = 1; i <= m; i++)
    for (size_t j = 1; j <= n; j++) {
      size_t best = d[i - 1][j - 1] + (same(a[i - 1], b[j - 1]) ? 0U : 1U);
      best = least(best, least(d[i - 1][j] + 1U, d[i][j - 1] + 1U));
      if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]))
        best = least(best, d[i - 2][j - 2] + 1U);
      d[i][j] = (unsigned char)best;
    }
  return d[m][n];
}

void nearest_offer(struct nearest *nearest, const char *name)
{
  size_t len = strlen(nearest->word);
  if (len >= NEAREST_MAX || strlen(name) >= NEAREST_MAX)
    return;
  size_t found = distance(nearest->word, name);
  if (found > 1 + len / 4 || (nearest->name[0] && found >= nearest->distance))
    return;
  nearest->distance = found;
  snprintf(nearest->name, sizeof nearest->name, "%s", name);
}

const char *nearest_hint(const struct nearest *nearest, const char *prefix,
                         char text[2 * NEAREST_MAX])
{
  text[0] = 0;
  if (nearest->name[0])
    snprintf(text, (size_t)2 * NEAREST_MAX, " (did you mean %s%s?)", prefix,
             nearest->name);
  return text;
}
