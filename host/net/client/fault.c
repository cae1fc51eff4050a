/* What went wrong, in words: libcurl's results as codes and sentences; see client.h. */
#include <string.h>

#include "base/clock.h"
#include "net/client/client_.h"

static const char *reason(const struct transfer *t, CURLcode rc)
{
  return t->why[0] ? t->why : libcurl.easy_strerror(rc);
}

static bool says(const struct transfer *t, const char *words)
{
  return strstr(t->why, words) != NULL;
}

/* ---- TLS ---- */

static const char *tls_advice(const struct transfer *t)
{
  if (says(t, "expired"))
    return "its owner must renew it";
  if (says(t, "does not match") || says(t, "no alternative"))
    return "it was made for another host: check the URL";
  if (says(t, "self-signed") || says(t, "self signed") || says(t, "local issuer"))
    return "nobody that this machine trusts vouches for it: for a private authority "
           "name its certificate in the setting outgoing.ca_file";
  return "the two sides could not agree on a secure connection";
}

static int tls_failed(struct transfer *t, CURLcode rc)
{
  return transfer__fail(t, "tls_failed", "the server's certificate or TLS failed: %s; %s",
                        reason(t, rc), tls_advice(t));
}

/* ---- connections ---- */

static int could_not_connect(struct transfer *t, CURLcode rc)
{
  if (t->refused)
    return transfer__fail(
        t, "private_address",
        "%s is at a private address, which this request may not reach; an operator can "
        "allow it by the setting outgoing.private_allow",
        t->url.host);
  if (hop__uses_proxy(t))
    return transfer__fail(t, "proxy_failed",
                          "the proxy of the setting outgoing.proxy failed: %s",
                          reason(t, rc));
  return transfer__fail(t, "connect_failed",
                        "nothing answers there: %s; check host and port", reason(t, rc));
}

/* The connection ended before its time. */
static int lost(struct transfer *t, CURLcode rc)
{
  if (says(t, "chunk") || says(t, "Chunk"))
    return transfer__fail(t, "bad_response", "the body's chunks are malformed: %s",
                          t->why);
  if (t->head_done)
    return transfer__fail(t, "closed_mid_body",
                          "the server closed the connection in the middle of the body, "
                          "after %llu bytes of it: %s",
                          (unsigned long long)t->received, reason(t, rc));
  if (t->connected_ns == 0)
    return could_not_connect(t, rc);
  if (rc == CURLE_ABORTED_BY_CALLBACK)
    return transfer__fail(t, "closed_early",
                          "the server closed the connection without an answer; it may "
                          "have done what %s asked for, so it is not asked again",
                          t->asked.method);
  return transfer__fail(t, "closed_early",
                        "the server closed the connection without an answer: %s",
                        reason(t, rc));
}

static int timed_out(struct transfer *t)
{
  fault__timeout(t, t->asked.connect_ms, "connecting");
  return -1;
}

static int other(struct transfer *t, CURLcode rc)
{
  if (t->connected_ns == 0)
    return could_not_connect(t, rc);
  return transfer__fail(t, "bad_response", "the answer cannot be understood: %s",
                        reason(t, rc));
}

void fault__set(struct transfer *t, CURLcode rc)
{
  switch ((int)rc) {
  case CURLE_COULDNT_RESOLVE_PROXY:
  case CURLE_PROXY:
    transfer__fail(t, "proxy_failed",
                   "the proxy of the setting outgoing.proxy failed: %s", reason(t, rc));
    return;
  case CURLE_COULDNT_RESOLVE_HOST:
    transfer__fail(t, "dns_failed", "%s", reason(t, rc));
    return;
  case CURLE_COULDNT_CONNECT:
    could_not_connect(t, rc);
    return;
  case CURLE_OPERATION_TIMEDOUT:
    timed_out(t);
    return;
  case CURLE_SSL_CONNECT_ERROR:
  case CURLE_PEER_FAILED_VERIFICATION:
  case CURLE_SSL_CERTPROBLEM:
  case CURLE_SSL_CIPHER:
  case CURLE_SSL_CACERT_BADFILE:
  case CURLE_SSL_ISSUER_ERROR:
  case CURLE_SSL_INVALIDCERTSTATUS:
    tls_failed(t, rc);
    return;
  case CURLE_BAD_CONTENT_ENCODING:
    transfer__fail(t, "bad_encoding",
                   "the body cannot be decompressed: %s; the server says one thing in "
                   "Content-Encoding and sends another",
                   reason(t, rc));
    return;
  case CURLE_PARTIAL_FILE:
  case CURLE_GOT_NOTHING:
  case CURLE_RECV_ERROR:
  case CURLE_SEND_ERROR:
  case CURLE_HTTP2:
  case CURLE_HTTP2_STREAM:
  case CURLE_SEND_FAIL_REWIND:
  case CURLE_ABORTED_BY_CALLBACK: /* by hop.c, which does not let it go a second time */
    lost(t, rc);
    return;
  default:
    other(t, rc);
    return;
  }
}

/* libcurl takes a head that breaks off for a whole one, and what follows an upgrade that
 * nobody asked for (101) for a body. */
void fault__no_head(struct transfer *t)
{
  if (t->head.status == 101)
    transfer__fail(t, "bad_response",
                   "the server changed to another protocol, which nobody asked for");
  else
    transfer__fail(t, "closed_early",
                   "the server closed the connection in the middle of its answer's head");
}

/* ---- time ---- */

static const char *doing(const struct transfer *t)
{
  switch (t->state) {
  case TRANSFER_CONNECT:
    return "connecting";
  case TRANSFER_SENT:
    return t->asked.has_body && t->sent == 0 && t->asked.body_streamed
               ? "sending the body"
               : "waiting for the first byte of the answer";
  default:
    return "reading the body";
  }
}

void fault__timeout(struct transfer *t, int64_t limit_ms, const char *what)
{
  char duration[32];
  bool connecting = t->state == TRANSFER_CONNECT;
  duration_format(limit_ms, duration);
  transfer__fail(t, connecting ? "connect_timeout" : "timeout",
                 "%s took longer than %s (it was %s; %llu bytes of the body had come)",
                 what, duration, doing(t), (unsigned long long)t->received);
}
