/* Secrets by name, from the environment and .env files; and the vault's life. */
#include "vault/vault_.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "log/log.h"

struct vault *vault_new(const struct conf *conf, const char *data)
{
  struct vault *v = mem_alloc(sizeof *v);
  v->conf = conf;
  v->data = data;
  return v;
}

void vault_free(struct vault **vault)
{
  struct vault *v = *vault;
  *vault = NULL;
  if (!v)
    return;
  env_file_fini(&v->secrets);
  sodium_memzero(v, sizeof *v);
  free(v);
}

/* Whether a .env file is another one than at the last look, or has come or gone. */
static bool has_changed(struct vault *v)
{
  bool changed = false;
  for (int i = 0; i < CONF_ENV_FILES; i++) {
    struct stat st = {0};
    if (stat(conf_env_files[i], &st) < 0)
      st = (struct stat){0};
    struct vault_stamp now = {st.st_size, st.st_mtim.tv_sec, st.st_mtim.tv_nsec,
                              (long long)st.st_ino};
    changed = changed || memcmp(&now, &v->stamps[i], sizeof now) != 0;
    v->stamps[i] = now;
  }
  return changed;
}

static void look_again(struct vault *v)
{
  struct env_file fresh = {0};
  struct err err;
  bool changed = has_changed(v);
  if (v->has_secrets && !changed)
    return;
  v->has_secrets = true;
  if (conf_read_secrets(v->conf, &fresh, &err) < 0) {
    log_line(LOG_ERROR, NULL, "%s; the secrets stay as they were", err.text);
    env_file_fini(&fresh);
    return;
  }
  env_file_fini(&v->secrets);
  v->secrets = fresh;
}

int vault_secret(struct vault *v, const char *name, struct buf *value, struct err *err)
{
  look_again(v);
  const char *found = conf_secret_of(&v->secrets, name);
  if (!found) /* without a colon: the log would take what follows for the value */
    return err_set(err, "secret_missing",
                   "there is no secret %s; set CANDY_SECRET_%s, or put it in .env", name,
                   name);
  buf_puts(value, found);
  return 0;
}
