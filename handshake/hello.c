#include "handshake/hello.h"

#include <errno.h>
#include <openssl/tls1.h>
#include <string.h>
#include "dataplane/base/buf.h"

#define EXT_SUPPORTED_VERSIONS 43
#define EXT_EMS                23
#define NAME_HOST              0

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

static bool offers_13(SSL *ssl)
{
    const unsigned char *ext;
    size_t n;

    if (SSL_client_hello_get0_ext(ssl, EXT_SUPPORTED_VERSIONS, &ext, &n) != 1)
        return false;
    for (size_t i = 1; i + 1 < n; i += 2)
        if (ext[i] == 0x03 && ext[i + 1] == 0x04)
            return true;
    return false;
}

bool hello_lacks_ems(SSL *ssl, bool we_have_13)
{
    const unsigned char *ext;
    size_t n;

    if (we_have_13 && offers_13(ssl))
        return false;
    return SSL_client_hello_get0_ext(ssl, EXT_EMS, &ext, &n) != 1;
}
