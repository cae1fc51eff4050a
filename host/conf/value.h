/* Values of settings: read from text or JSON, checked, and put into struct conf. */
#ifndef CANDY_CONF_VALUE_H
#define CANDY_CONF_VALUE_H

#include "base/buf.h"
#include "conf/conf.h"
#include "conf/setting.h"

/* Both return -1 with a text that begins with "must be" or "is", to follow the place. In
 * text a list's items are separated by the setting's separator. */
int value_from_text(struct conf *conf, const struct setting *setting, const char *text,
                    struct err *err);
int value_from_json(struct conf *conf, const struct setting *setting, const json_t *value,
                    struct err *err);

/* One more item of a list. */
int value_append(struct conf *conf, const struct setting *setting, const char *item,
                 struct err *err);

bool value_same(const struct conf *a, const struct conf *b,
                const struct setting *setting);

/* Frees what the member holds and zeroes it. */
void value_clear(struct conf *conf, const struct setting *setting);

/* "a whole number from 1 to 1024": what the setting takes. */
void value_expects(const struct setting *setting, struct buf *out);

#endif
