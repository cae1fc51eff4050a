/* Cursors of lists: see cursor.h. "j1:42" in base64. */
#include "api/cursor.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "api/api_.h"

#define BASE64 sodium_base64_VARIANT_URLSAFE_NO_PADDING

void cursor_put(struct buf *b, char list, int64_t id)
{
  char plain[32], text[64];
  if (id == 0) {
    buf_puts(b, "null");
    return;
  }
  int n = snprintf(plain, sizeof plain, "%c1:%" PRId64, list, id);
  sodium_bin2base64(text, sizeof text, (const unsigned char *)plain, (size_t)n, BASE64);
  buf_json_string(b, text, strlen(text));
}

int64_t cursor_read(const char *text, char list)
{
  unsigned char plain[33] = {0};
  size_t n;
  if (!text || !*text)
    return 0;
  if (sodium_base642bin(plain, sizeof plain - 1, text, strlen(text), NULL, &n, NULL,
                        BASE64) != 0 ||
      plain[0] != (unsigned char)list || memcmp(plain + 1, "1:", 2) != 0)
    return -1;
  return api_id((const char *)plain + 3);
}
