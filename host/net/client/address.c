/* Public and private addresses: see address.h. */
#include "net/client/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An IPv4 address as its 16 bytes in IPv6 (RFC 4291, 2.5.5.2), and bits counted there. */
#define V4(a, b, c, d, count)                                                            \
  {                                                                                      \
    {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, (a), (b), (c), (d)}, 96 + (count)         \
  }

static const struct address_range private_v4[] = {
    V4(0, 0, 0, 0, 8),       /* this network; 0.0.0.0 reaches this machine */
    V4(10, 0, 0, 0, 8),      /* private use */
    V4(100, 64, 0, 0, 10),   /* shared by carriers */
    V4(127, 0, 0, 0, 8),     /* loopback */
    V4(169, 254, 0, 0, 16),  /* link-local, clouds' metadata */
    V4(172, 16, 0, 0, 12),   /* private use */
    V4(192, 0, 0, 0, 24),    /* protocol assignments */
    V4(192, 0, 2, 0, 24),    /* documentation */
    V4(192, 88, 99, 0, 24),  /* relays of 6to4, deprecated */
    V4(192, 168, 0, 0, 16),  /* private use */
    V4(198, 18, 0, 0, 15),   /* benchmarks */
    V4(198, 51, 100, 0, 24), /* documentation */
    V4(203, 0, 113, 0, 24),  /* documentation */
    V4(224, 0, 0, 0, 4),     /* multicast */
    V4(240, 0, 0, 0, 4),     /* reserved, broadcast */
};

/* All of IPv6 that is given out to anybody. */
static const struct address_range global_v6 = {{0x20}, 3};

static const struct address_range private_v6[] = {
    {{0x20, 0x01}, 23},             /* protocol assignments, Teredo among them */
    {{0x20, 0x01, 0x0d, 0xb8}, 32}, /* documentation */
    {{0x3f, 0xff}, 20},             /* documentation */
};

static const struct address_range mapped = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff},
                                            96};
static const struct address_range nat64 = {{0x00, 0x64, 0xff, 0x9b}, 96};
static const struct address_range sixtofour = {{0x20, 0x02}, 16};

static bool contains(const struct address_range *range, const unsigned char bytes[16])
{
  size_t whole = range->bits / 8;
  unsigned rest = range->bits % 8;
  if (memcmp(range->bytes, bytes, whole) != 0)
    return false;
  return rest == 0 || (range->bytes[whole] ^ bytes[whole]) >> (8 - rest) == 0;
}

static bool in_any(const struct address_range *ranges, size_t count,
                   const unsigned char bytes[16])
{
  for (size_t i = 0; i < count; i++)
    if (contains(&ranges[i], bytes))
      return true;
  return false;
}

/* `four` is an IPv4 address wherever it stood. */
static bool is_private_v4(const unsigned char four[4])
{
  unsigned char bytes[16];
  memcpy(bytes, mapped.bytes, 12);
  memcpy(bytes + 12, four, 4);
  return in_any(private_v4, sizeof private_v4 / sizeof *private_v4, bytes);
}

static bool is_private_v6(const unsigned char bytes[16])
{
  if (contains(&mapped, bytes) || contains(&nat64, bytes))
    return is_private_v4(bytes + 12);
  if (contains(&sixtofour, bytes))
    return is_private_v4(bytes + 2);
  return !contains(&global_v6, bytes) ||
         in_any(private_v6, sizeof private_v6 / sizeof *private_v6, bytes);
}

/* The 16 bytes of an address; false for families other than IP. */
static bool bytes_of(const struct sockaddr *address, unsigned char bytes[16])
{
  if (address->sa_family == AF_INET6) {
    memcpy(bytes, &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr, 16);
    return true;
  }
  if (address->sa_family != AF_INET)
    return false;
  memcpy(bytes, mapped.bytes, 12);
  memcpy(bytes + 12, &((const struct sockaddr_in *)(const void *)address)->sin_addr, 4);
  return true;
}

bool address_is_private(const struct sockaddr *address)
{
  unsigned char bytes[16];
  return !bytes_of(address, bytes) || is_private_v6(bytes);
}

bool address_in_range(const struct sockaddr *address, const struct address_range *range)
{
  unsigned char bytes[16];
  return bytes_of(address, bytes) && contains(range, bytes);
}

int address_parse(const char *text, struct sockaddr_storage *address)
{
  char plain[INET6_ADDRSTRLEN];
  struct sockaddr_in *v4 = (void *)address;
  struct sockaddr_in6 *v6 = (void *)address;
  *address = (struct sockaddr_storage){0};
  size_t len = strcspn(text, "%"); /* a zone tells which link, not which address */
  if (len >= sizeof plain)
    return -1;
  memcpy(plain, text, len);
  plain[len] = 0;
  if (inet_pton(AF_INET, plain, &v4->sin_addr) == 1)
    address->ss_family = AF_INET;
  else if (inet_pton(AF_INET6, plain, &v6->sin6_addr) == 1)
    address->ss_family = AF_INET6;
  else
    return -1;
  return 0;
}

/* The number behind the slash. */
static int parse_bits(const char *text, unsigned most, unsigned *bits)
{
  char *end;
  long value = strtol(text, &end, 10);
  if (end == text || *end || value < 0 || value > (long)most)
    return -1;
  *bits = (unsigned)value;
  return 0;
}

int address_range_parse(const char *text, struct address_range *range)
{
  struct sockaddr_storage address;
  char plain[INET6_ADDRSTRLEN];
  size_t len = strcspn(text, "/");
  snprintf(plain, sizeof plain, "%.*s", (int)len, text);
  if (len >= sizeof plain || address_parse(plain, &address) < 0)
    return -1;
  unsigned most = address.ss_family == AF_INET ? 32 : 128;
  bytes_of((const struct sockaddr *)&address, range->bytes);
  range->bits = most;
  if (text[len] && parse_bits(text + len + 1, most, &range->bits) < 0)
    return -1;
  range->bits += 128 - most;
  return 0;
}
