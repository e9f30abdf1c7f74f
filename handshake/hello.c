#include "handshake/hello.h"

#include <errno.h>
#include <openssl/tls1.h>
#include <string.h>
#include "dataplane/base/buf.h"

#define EXT_SUPPORTED_VERSIONS 43
#define EXT_EMS                23
#define NAME_HOST              0
#define RECORD_HEADER          5
#define HANDSHAKE              22
#define MESSAGE_HEADER         4
#define RANDOM                 32

static bool name_char(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
}

/* RFC 6066 3: one host_name, lower-cased here; DNS characters only, no trailing dot, no empty
 * label. */
static int copy_name(const uint8_t *p, size_t n, char out[256])
{
    if (n == 0 || n > 253)
        return -EINVAL;
    for (size_t i = 0; i < n; i++) {
        uint8_t c = p[i] >= 'A' && p[i] <= 'Z' ? (uint8_t)(p[i] + 32) : p[i];
        if (!name_char(c) || (c == '.' && (i == 0 || i == n - 1 || p[i - 1] == '.')))
            return -EINVAL;
        out[i] = (char)c;
    }
    out[n] = '\0';
    return 0;
}

int hello_server_name(SSL *ssl, char out[256])
{
    const unsigned char *ext;
    const uint8_t *name;
    uint16_t list, n;
    uint8_t type;
    size_t n_ext;
    struct buf b;

    if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &ext, &n_ext) != 1)
        return -ENOENT;
    buf_init_read(&b, ext, n_ext);
    list = buf_get_u16(&b);
    if (list != buf_left(&b))
        return -EINVAL;
    type = buf_get_u8(&b);
    n = buf_get_u16(&b);
    name = buf_get_bytes(&b, n);
    if (!buf_done(&b) || type != NAME_HOST)
        return -EINVAL;
    return copy_name(name, n, out);
}

static bool wildcard_takes(const char *pattern, const char *name)
{
    const char *dot = strchr(name, '.');

    return pattern[0] == '*' && pattern[1] == '.' && dot && dot != name &&
           !strcmp(pattern + 1, dot);
}

/* How well a link fits: 3 exact, 2 wildcard, 1 takes any name, 0 not at all. */
static int fit(const struct policy_link *l, const char *name)
{
    int best = l->n_server_names == 0;

    for (unsigned i = 0; i < l->n_server_names; i++) {
        if (!strcmp(l->server_names[i], name))
            return 3;
        if (wildcard_takes(l->server_names[i], name))
            best = 2;
    }
    return best;
}

bool hello_link_takes(const struct policy_link *l, const char *name)
{
    return fit(l, name) > 0;
}

int hello_choose(const struct policy *p, uint16_t listener, const char *name)
{
    const struct policy_listener *l = &p->listeners[listener];
    int best = -1, best_fit = 0;

    for (unsigned i = 0; i < l->n_links; i++) {
        int f = fit(&p->links[l->links[i]], name);
        if (f > best_fit) {
            best_fit = f;
            best = l->links[i];
        }
    }
    return best;
}

bool hello_versions_whole(SSL *ssl)
{
    const unsigned char *ext;
    size_t n;

    return SSL_client_hello_get0_ext(ssl, EXT_SUPPORTED_VERSIONS, &ext, &n) != 1 ||
           (n >= 3 && n % 2 && ext[0] == n - 1);
}

/* RFC 8446 4.2.1: the extension counts where there is one, else the hello's own field. */
static bool offers(SSL *ssl, unsigned version)
{
    const unsigned char *ext;
    size_t n;

    if (SSL_client_hello_get0_ext(ssl, EXT_SUPPORTED_VERSIONS, &ext, &n) != 1)
        return version == TLS1_2_VERSION && SSL_client_hello_get0_legacy_version(ssl) >= version;
    for (size_t i = 1; i + 1 < n; i += 2)
        if (((unsigned)ext[i] << 8 | ext[i + 1]) == version)
            return true;
    return false;
}

bool hello_lacks_ems(SSL *ssl, bool we_have_12, bool we_have_13)
{
    const unsigned char *ext;
    size_t n;

    if (!we_have_12 || (we_have_13 && offers(ssl, TLS1_3_VERSION)) || !offers(ssl, TLS1_2_VERSION))
        return false;
    return SSL_client_hello_get0_ext(ssl, EXT_EMS, &ext, &n) != 1;
}

bool hello_server_lacks_ems(const uint8_t *message, size_t n)
{
    struct buf b;
    size_t left;

    buf_init_read(&b, message, n);
    buf_get_bytes(&b, MESSAGE_HEADER + 2 + RANDOM);
    buf_get_bytes(&b, buf_get_u8(&b)); /* session */
    buf_get_bytes(&b, 2 + 1);          /* suite, compression */
    left = buf_left(&b);
    if (left && buf_get_u16(&b) != left - 2)
        return true;
    while (buf_ok(&b) && buf_left(&b)) {
        uint16_t type = buf_get_u16(&b);

        if (type == EXT_EMS || type == EXT_SUPPORTED_VERSIONS) /* 1.3 has it built in */
            return false;
        buf_get_bytes(&b, buf_get_u16(&b));
    }
    return true;
}

bool hello_fits(struct hello_length *l, const uint8_t *record, size_t n)
{
    for (size_t i = RECORD_HEADER; record[0] == HANDSHAKE && i < n && l->n < MESSAGE_HEADER; i++)
        l->header[l->n++] = record[i];
    return l->n < MESSAGE_HEADER ||
           ((size_t)l->header[1] << 16 | (size_t)l->header[2] << 8 | l->header[3]) <= HELLO_MAX;
}
