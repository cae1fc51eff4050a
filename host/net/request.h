/* A request's birth and death, and the reading of its head. */
#ifndef CANDY_NET_REQUEST_H
#define CANDY_NET_REQUEST_H

#include "net/fault.h"
#include "net/http.h"

/* Takes a copy of the head, with room for that many fields. */
struct http_request *request_new(const char *head, size_t len, int fields);
void request_free(struct http_request **req);

/* Reads a head that the pre-scan let through: fills method, target, fields, and whether
 * the connection ends with the answer. Returns 0, or -1 with the fault. */
int request_read_head(struct http_request *req, size_t len, struct fault *fault);

/* Reads the request target (which ends in NUL, and is cut in place) into path, query and,
 * where it carries one, host. */
int request_read_target(struct http_request *req, char *target, struct fault *fault);

/* Whether a comma-separated value has that token, in any case. */
bool request_has_token(const char *value, const char *token);

#endif
