/* The settings that are live, in the form in which the pool and the workers take them. A
 * setting that goes through here, and through here alone, is marked so (setting.live). */
#ifndef CANDY_CLI_POOL_SETTINGS_H
#define CANDY_CLI_POOL_SETTINGS_H

#include "conf/conf.h"
#include "worker/pool.h"

/* `told` is a new reference. */
struct pool_settings pool_settings_of(const struct conf *conf);

struct queue_keep queue_keep_of(const struct conf *conf);

#endif
