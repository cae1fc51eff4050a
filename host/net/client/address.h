/* Which addresses belong to the public Internet, and which lie behind somebody's door.
 *
 * The source is IANA's registries of special-purpose addresses (RFC 6890 and what
 * followed). IPv6 forms that carry an IPv4 address are judged by what they carry. Names
 * are not known here: who asks has an address that is about to be connected to.
 */
#ifndef CANDY_NET_CLIENT_ADDRESS_H
#define CANDY_NET_CLIENT_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

/* Addresses that share their first bits. IPv4 is kept as IPv6-mapped. */
struct address_range {
  unsigned char bytes[16];
  unsigned bits;
};

/* Everything that is not plainly public is private, families other than IP too. */
bool address_is_private(const struct sockaddr *address);

/* "10.0.0.0/8", "fd00::/8", or one address. -1 when the text is neither. */
int address_range_parse(const char *text, struct address_range *range);
bool address_in_range(const struct sockaddr *address, const struct address_range *range);

/* A plain IPv4 or IPv6 address (without brackets, perhaps with a zone): 0, or -1. */
int address_parse(const char *text, struct sockaddr_storage *address);

#endif
