/* Pages of lists: see cursor.h. A cursor is "j1:42" in base64. */
#include "api/cursor.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "api/api_.h"

#define BASE64        sodium_base64_VARIANT_URLSAFE_NO_PADDING
#define LIMIT_DEFAULT 50
#define LIMIT_MAX     200

/* As a JSON string, or null for 0. */
static void put_cursor(struct buf *b, char list, int64_t id)
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

/* 0 for NULL or an empty text, -1 for one that is no cursor of that list. */
static int64_t read_cursor(const char *text, char list)
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

bool cursor_read_page(struct http_request *req, char list, int64_t *limit,
                      int64_t *before)
{
  const char *text = http_query(req, "limit");
  *limit = text ? api_id(text) : LIMIT_DEFAULT;
  *before = read_cursor(http_query(req, "cursor"), list);
  if (*limit < 1 || *limit > LIMIT_MAX)
    http_problem(req, 422, "invalid", "limit must be a number from 1 to %d", LIMIT_MAX);
  else if (*before < 0)
    http_problem(req, 422, "invalid",
                 "this cursor is none of ours: take next_cursor of the page before");
  else
    return true;
  return false;
}

void cursor_reply(struct http_request *req, char list, const struct buf *items,
                  int64_t next)
{
  struct buf b = {0};
  buf_puts(&b, "{\"items\":");
  buf_append(&b, items->data, items->len);
  buf_puts(&b, ",\"next_cursor\":");
  put_cursor(&b, list, next);
  buf_putc(&b, '}');
  http_reply(req, 200, "application/json", b.data, b.len);
  buf_fini(&b);
}
