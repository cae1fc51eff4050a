/* The key that seals: CANDY_SEAL_KEY, else the file seal.key of the data folder, which is
 * made when it is first needed and is on the disk before anything is sealed with it. */
#include "vault/vault_.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEY_FILE "seal.key"
#define KEY_TEXT sodium_base64_ENCODED_LEN(KEY_LEN, VARIANT)
#define KEY_LEN  crypto_aead_xchacha20poly1305_ietf_KEYBYTES
#define VARIANT  sodium_base64_VARIANT_ORIGINAL

static int decode(struct vault *v, const char *text, const char *place, struct err *err)
{
  size_t len = 0;
  int rc = sodium_base642bin(v->key, KEY_LEN, text, strlen(text), "\r\n ", &len, NULL,
                             VARIANT);
  if (rc == 0 && len == KEY_LEN)
    return 0;
  return err_set(err, "seal_key",
                 "%s holds no key: it takes 32 bytes as base64, such as `openssl rand "
                 "-base64 32` makes",
                 place);
}

static int failed(struct err *err, const char *what, const char *path)
{
  return err_set(err, "seal_key", "cannot %s the key %s: %s", what, path,
                 strerror(errno));
}

/* ---- the file ---- */

static int read_file(struct vault *v, const char *path, struct err *err)
{
  char text[2 * KEY_TEXT] = {0};
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0)
    return failed(err, "open", path);
  ssize_t n = read(fd, text, sizeof text - 1);
  close(fd);
  int rc = n < 0 ? failed(err, "read", path) : decode(v, text, path, err);
  sodium_memzero(text, sizeof text);
  return rc;
}

static int write_all(const char *path, const char *text, size_t len)
{
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0)
    return -1;
  bool good = write(fd, text, len) == (ssize_t)len && fsync(fd) == 0;
  int number = errno;
  close(fd);
  errno = number;
  return good ? 0 : -1;
}

static int sync_folder(const char *folder)
{
  int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int rc = fd < 0 ? -1 : fsync(fd);
  if (fd >= 0)
    close(fd);
  return rc;
}

/* Under its name only when it is whole. */
static int make_file(struct vault *v, const char *path, struct err *err)
{
  char text[KEY_TEXT];
  char *part = mem_printf("%s.part", path);
  randombytes_buf(v->key, KEY_LEN);
  sodium_bin2base64(text, sizeof text, v->key, KEY_LEN, VARIANT);
  int rc = write_all(part, text, strlen(text));
  if (rc == 0)
    rc = rename(part, path);
  if (rc == 0)
    rc = sync_folder(v->data);
  if (rc < 0)
    failed(err, "write", path);
  sodium_memzero(text, sizeof text);
  free(part);
  return rc;
}

/* ---- wherever it is ---- */

int vault__key(struct vault *v, struct err *err)
{
  unsigned char hash[crypto_generichash_BYTES];
  char *path = mem_printf("%s/" KEY_FILE, v->data);
  int rc = 0;
  if (v->has_key)
    goto done;
  if (v->conf->seal_key)
    rc = decode(v, v->conf->seal_key, "CANDY_SEAL_KEY", err);
  else if (access(path, F_OK) == 0)
    rc = read_file(v, path, err);
  else
    rc = make_file(v, path, err);
  if (rc < 0)
    goto done;
  crypto_generichash(hash, sizeof hash, v->key, KEY_LEN, NULL, 0);
  sodium_bin2hex(v->key_id, sizeof v->key_id, hash, (sizeof v->key_id - 1) / 2);
  v->has_key = true;
done:
  free(path);
  return rc;
}
