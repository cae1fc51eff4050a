/* core: hashes, message authentication, random bytes, and bytes as text, on libsodium.
 * Sealing is not here: its key is the host's. */
#include <sodium.h>
#include <stdbool.h>
#include <string.h>

#include "lua/core.h"

#define RANDOM_MAX 65536

/* ---- bytes as text ---- */

enum encoding { RAW, HEX, BASE64, BASE64URL };

static const char *const encodings[] = {"raw", "hex", "base64", "base64url", NULL};

static int variant_of(enum encoding encoding, bool padded)
{
  if (encoding == BASE64)
    return padded ? sodium_base64_VARIANT_ORIGINAL
                  : sodium_base64_VARIANT_ORIGINAL_NO_PADDING;
  return padded ? sodium_base64_VARIANT_URLSAFE
                : sodium_base64_VARIANT_URLSAFE_NO_PADDING;
}

static void push_encoded(lua_State *L, const unsigned char *bytes, size_t len,
                         enum encoding encoding)
{
  if (encoding == RAW) {
    lua_pushlstring(L, (const char *)bytes, len);
    return;
  }
  int variant = variant_of(encoding, encoding == BASE64);
  size_t room = encoding == HEX ? 2 * len + 1 : sodium_base64_encoded_len(len, variant);
  char *text = lua_newuserdata(L, room);
  if (encoding == HEX)
    sodium_bin2hex(text, room, bytes, len);
  else
    sodium_bin2base64(text, room, bytes, len, variant);
  lua_pushstring(L, text);
  lua_remove(L, -2);
}

static const unsigned char *check_bytes(lua_State *L, int at, size_t *len)
{
  return (const unsigned char *)luaL_checklstring(L, at, len);
}

/* encode(bytes, encoding) -> text */
static int encode(lua_State *L)
{
  size_t len;
  const unsigned char *bytes = check_bytes(L, 1, &len);
  push_encoded(L, bytes, len, (enum encoding)luaL_checkoption(L, 2, NULL, encodings));
  return 1;
}

/* decode(text, encoding) -> bytes | nil. Base64 may have its padding or not. */
static int decode(lua_State *L)
{
  size_t len, n = 0;
  const char *text = luaL_checklstring(L, 1, &len);
  enum encoding encoding = (enum encoding)luaL_checkoption(L, 2, NULL, encodings);
  bool padded = len > 0 && text[len - 1] == '=';
  unsigned char *bytes = lua_newuserdata(L, len + 1);
  int rc = encoding == HEX ? sodium_hex2bin(bytes, len, text, len, NULL, &n, NULL)
                           : sodium_base642bin(bytes, len, text, len, NULL, &n, NULL,
                                               variant_of(encoding, padded));
  if (rc != 0 || (encoding == HEX && n * 2 != len))
    return 0;
  lua_pushlstring(L, (const char *)bytes, n);
  return 1;
}

/* ---- hashes ---- */

static const char *const algorithms[] = {"sha256", "sha512", "blake2b", NULL};

enum algorithm { SHA256, SHA512, BLAKE2B };

#define DIGEST_MAX crypto_hash_sha512_BYTES

/* hash(algorithm, data, encoding) -> text */
static int hash(lua_State *L)
{
  unsigned char digest[DIGEST_MAX];
  size_t len, n = crypto_hash_sha256_BYTES;
  enum algorithm algorithm = (enum algorithm)luaL_checkoption(L, 1, NULL, algorithms);
  const unsigned char *data = check_bytes(L, 2, &len);
  if (algorithm == SHA256) {
    crypto_hash_sha256(digest, data, len);
  } else if (algorithm == SHA512) {
    n = crypto_hash_sha512_BYTES;
    crypto_hash_sha512(digest, data, len);
  } else {
    n = crypto_generichash_BYTES;
    crypto_generichash(digest, n, data, len, NULL, 0);
  }
  push_encoded(L, digest, n, (enum encoding)luaL_checkoption(L, 3, "hex", encodings));
  return 1;
}

static void hmac_sha256(unsigned char *mac, const unsigned char *key, size_t key_len,
                        const unsigned char *data, size_t len)
{
  crypto_auth_hmacsha256_state state;
  crypto_auth_hmacsha256_init(&state, key, key_len);
  crypto_auth_hmacsha256_update(&state, data, len);
  crypto_auth_hmacsha256_final(&state, mac);
  sodium_memzero(&state, sizeof state);
}

static void hmac_sha512(unsigned char *mac, const unsigned char *key, size_t key_len,
                        const unsigned char *data, size_t len)
{
  crypto_auth_hmacsha512_state state;
  crypto_auth_hmacsha512_init(&state, key, key_len);
  crypto_auth_hmacsha512_update(&state, data, len);
  crypto_auth_hmacsha512_final(&state, mac);
  sodium_memzero(&state, sizeof state);
}

/* hmac(algorithm, key, data, encoding) -> text */
static int hmac(lua_State *L)
{
  static const char *const known[] = {"sha256", "sha512", NULL};
  unsigned char mac[DIGEST_MAX];
  size_t key_len, len, n = crypto_auth_hmacsha256_BYTES;
  bool wide = luaL_checkoption(L, 1, NULL, known) == SHA512;
  const unsigned char *key = check_bytes(L, 2, &key_len);
  const unsigned char *data = check_bytes(L, 3, &len);
  if (wide) {
    n = crypto_auth_hmacsha512_BYTES;
    hmac_sha512(mac, key, key_len, data, len);
  } else {
    hmac_sha256(mac, key, key_len, data, len);
  }
  push_encoded(L, mac, n, (enum encoding)luaL_checkoption(L, 4, "hex", encodings));
  return 1;
}

/* ---- random and comparison ---- */

/* random(n, encoding) -> text */
static int random_bytes(lua_State *L)
{
  lua_Integer n = luaL_checkinteger(L, 1);
  luaL_argcheck(L, n >= 0 && n <= RANDOM_MAX, 1, "too many");
  enum encoding encoding = (enum encoding)luaL_checkoption(L, 2, "raw", encodings);
  unsigned char *bytes = lua_newuserdata(L, (size_t)n + 1);
  randombytes_buf(bytes, (size_t)n);
  push_encoded(L, bytes, (size_t)n, encoding);
  return 1;
}

/* equal(a, b): takes as long wherever they differ; their lengths are no secret */
static int equal(lua_State *L)
{
  size_t a_len, b_len;
  const unsigned char *a = check_bytes(L, 1, &a_len), *b = check_bytes(L, 2, &b_len);
  lua_pushboolean(L, a_len == b_len && sodium_memcmp(a, b, a_len) == 0);
  return 1;
}

static const luaL_Reg functions[] = {
    {"bytes_encode", encode},
    {"bytes_decode", decode},
    {"hash", hash},
    {"hmac", hmac},
    {"random_bytes", random_bytes},
    {"bytes_equal", equal},
    {NULL, NULL},
};

void core_crypto(lua_State *L)
{
  if (sodium_init() < 0)
    luaL_error(L, "libsodium does not start on this machine");
  luaL_register(L, NULL, functions);
}
