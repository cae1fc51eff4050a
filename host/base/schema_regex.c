/* Patterns: JavaScript's regular expressions (with the "u" flag) on PCRE2, with a bound
 * on what they may cost.
 *
 * PCRE2's own match limit counts neither the bytes that one step runs over nor the
 * starting points in a long text. So each pattern is compiled with a callout before every
 * item, which charges the check for the steps and the way they went; a check that has
 * spent too much gives up. What a single item can hide (a{60000} at a million starting
 * points) is caught by the thread's CPU time, which is looked at now and then.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "base/schema_parts.h"

#include <pcre2.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CPU_NS    2000000000LL /* that a check with patterns may use */
#define CPU_EVERY 1024         /* callouts */
#define COSTLY    PCRE2_ERROR_MATCHLIMIT

#define OPTIONS                                                                          \
  (PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_ALLOW_EMPTY_CLASS |                          \
   PCRE2_MATCH_UNSET_BACKREF | PCRE2_ALT_BSUX | PCRE2_NEVER_BACKSLASH_C |                \
   PCRE2_NEVER_UCP | PCRE2_AUTO_CALLOUT)

struct schema_pattern {
  pcre2_code *code;
};

struct matcher {
  pcre2_match_data *data;
  pcre2_match_context *context;
  struct run *run; /* that matches now */
  size_t at;       /* where in the text the last callout was */
};

/* ---- from JavaScript to PCRE2 ---- */

static const struct {
  const char *name, *code;
} properties[] = {
    {"Cased_Letter", "L&"},
    {"Close_Punctuation", "Pe"},
    {"Connector_Punctuation", "Pc"},
    {"Control", "Cc"},
    {"Currency_Symbol", "Sc"},
    {"Dash_Punctuation", "Pd"},
    {"Decimal_Number", "Nd"},
    {"Enclosing_Mark", "Me"},
    {"Final_Punctuation", "Pf"},
    {"Format", "Cf"},
    {"Initial_Punctuation", "Pi"},
    {"LC", "L&"},
    {"Letter", "L"},
    {"Letter_Number", "Nl"},
    {"Line_Separator", "Zl"},
    {"Lowercase_Letter", "Ll"},
    {"Mark", "M"},
    {"Math_Symbol", "Sm"},
    {"Modifier_Letter", "Lm"},
    {"Modifier_Symbol", "Sk"},
    {"Nonspacing_Mark", "Mn"},
    {"Number", "N"},
    {"Open_Punctuation", "Ps"},
    {"Other", "C"},
    {"Other_Letter", "Lo"},
    {"Other_Number", "No"},
    {"Other_Punctuation", "Po"},
    {"Other_Symbol", "So"},
    {"Paragraph_Separator", "Zp"},
    {"Private_Use", "Co"},
    {"Punctuation", "P"},
    {"Separator", "Z"},
    {"Space_Separator", "Zs"},
    {"Spacing_Mark", "Mc"},
    {"Surrogate", "Cs"},
    {"Symbol", "S"},
    {"Titlecase_Letter", "Lt"},
    {"Unassigned", "Cn"},
    {"Uppercase_Letter", "Lu"},
    {"digit", "Nd"},
    {"punct", "P"},
};

static bool is(const char *text, size_t len, const char *name)
{
  return strlen(name) == len && memcmp(text, name, len) == 0;
}

/* The name between the braces of \p{...}: JavaScript has long names of categories, and
 * name=value where PCRE2 wants the value alone or name:value. */
static void put_property(struct buf *b, const char *name, size_t len)
{
  const char *equals = memchr(name, '=', len);
  if (equals) {
    size_t head = (size_t)(equals - name) + 1;
    bool extended = is(name, head, "scx=") || is(name, head, "Script_Extensions=");
    buf_puts(b, extended ? "scx:" : "");
    name += head;
    len -= head;
  }
  for (size_t i = 0; i < sizeof properties / sizeof properties[0]; i++) {
    if (is(name, len, properties[i].name)) {
      buf_puts(b, properties[i].code);
      return;
    }
  }
  buf_append(b, name, len);
}

/* Writes the escape at p[0] = '\\' and returns its length. */
static size_t put_escape(struct buf *b, const char *p, const char *end, bool in_class)
{
  static const char spaces[] = "\\s\\xa0\\ufeff\\u2028\\u2029\\p{Zs}";
  const char *brace =
      end - p > 2 && p[2] == '{' ? memchr(p, '}', (size_t)(end - p)) : NULL;
  if (brace && (p[1] == 'p' || p[1] == 'P')) {
    buf_append(b, p, 3);
    put_property(b, p + 3, (size_t)(brace - p) - 3);
    buf_putc(b, '}');
    return (size_t)(brace - p) + 1;
  }
  if (end - p > 1 && p[1] == 's')
    buf_printf(b, in_class ? "%s" : "[%s]", spaces);
  else if (end - p > 1 && p[1] == 'S' && !in_class)
    buf_printf(b, "[^%s]", spaces);
  else
    buf_append(b, p, end - p > 1 ? 2 : 1);
  return end - p > 1 ? 2 : 1;
}

static void translate(struct buf *b, const char *p, size_t len)
{
  const char *end = p + len;
  bool in_class = false;
  while (p < end) {
    if (*p == '\\') {
      p += put_escape(b, p, end, in_class);
      continue;
    }
    if (in_class && *p == '[')
      buf_putc(b, '\\'); /* PCRE2 would look for [:alpha:] */
    if (*p == '[' || *p == ']')
      in_class = *p == '[';
    buf_putc(b, *p++);
  }
}

/* ---- compiled patterns ---- */

struct schema_pattern *schema__pattern_new(const char *text, size_t len, char why[256],
                                           size_t *at)
{
  struct schema_pattern *p = NULL;
  struct buf b = {0};
  int code;
  translate(&b, text, len);
  pcre2_compile_context *context = pcre2_compile_context_create(NULL);
  pcre2_set_newline(context, PCRE2_NEWLINE_ANYCRLF);
  pcre2_set_compile_extra_options(context, PCRE2_EXTRA_ALT_BSUX);
  pcre2_code *compiled = pcre2_compile((PCRE2_SPTR)(b.data ? b.data : ""), b.len, OPTIONS,
                                       &code, at, context);
  if (compiled) {
    p = mem_alloc(sizeof *p);
    p->code = compiled;
  } else {
    pcre2_get_error_message(code, (PCRE2_UCHAR *)why, 256);
  }
  pcre2_compile_context_free(context);
  buf_fini(&b);
  return p;
}

void schema__pattern_free(struct schema_pattern **p)
{
  if (!*p)
    return;
  pcre2_code_free((*p)->code);
  free(*p);
  *p = NULL;
}

/* ---- matching ---- */

static int64_t cpu_ns(void)
{
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static bool out_of_time(struct run *run)
{
  if (run->callouts++ % CPU_EVERY != 0)
    return false;
  int64_t now = cpu_ns();
  if (!run->cpu_end)
    run->cpu_end = now + CPU_NS;
  return now > run->cpu_end;
}

static int charge(pcre2_callout_block *block, void *ptr)
{
  struct matcher *m = ptr;
  size_t at = block->current_position;
  size_t way = at > m->at ? at - m->at : m->at - at;
  m->at = at;
  return schema__spend(m->run, 1 + way) && !out_of_time(m->run) ? 0 : COSTLY;
}

struct matcher *schema__matcher_new(void)
{
  struct matcher *m = mem_alloc(sizeof *m);
  m->data = pcre2_match_data_create(1, NULL);
  m->context = pcre2_match_context_create(NULL);
  pcre2_set_callout(m->context, charge, m);
  return m;
}

void schema__matcher_free(struct matcher **m)
{
  pcre2_match_data_free((*m)->data);
  pcre2_match_context_free((*m)->context);
  free(*m);
  *m = NULL;
}

bool schema__pattern_matches(struct run *run, const struct spot *spot,
                             const struct schema_pattern *p, const char *text, size_t len)
{
  struct matcher *m = run->schema->matcher;
  m->run = run;
  m->at = 0;
  int rc = pcre2_match(p->code, (PCRE2_SPTR)text, len, 0, PCRE2_NO_UTF_CHECK, m->data,
                       m->context);
  if (rc >= 0)
    return true;
  if (rc != PCRE2_ERROR_NOMATCH)
    schema__stop(run, spot, "pattern_too_costly",
                 "takes too long to compare with a pattern of the schema; the pattern "
                 "tries too many ways to fit this text");
  return false;
}
