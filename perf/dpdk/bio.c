#include "perf/dpdk/bio.h"

#include <errno.h>
#include <stdint.h>
#include "perf/load/wire.h"

static int fd_of(BIO *b)
{
    return (int)(intptr_t)BIO_get_data(b);
}

static int moved(BIO *b, ssize_t n, void (*try_again)(BIO *b))
{
    BIO_clear_retry_flags(b);
    if (n == -EAGAIN)
        try_again(b);
    return n < 0 ? -1 : (int)n;
}

static void read_again(BIO *b)
{
    BIO_set_retry_read(b);
}

static void write_again(BIO *b)
{
    BIO_set_retry_write(b);
}

static int bio_read(BIO *b, char *to, int n)
{
    return moved(b, wire_recv(fd_of(b), to, (size_t)n), read_again);
}

static int bio_write(BIO *b, const char *from, int n)
{
    return moved(b, wire_send(fd_of(b), from, (size_t)n), write_again);
}

static long bio_ctrl(BIO *b, int what, long n, void *p)
{
    (void)b;
    (void)n;
    (void)p;
    return what == BIO_CTRL_FLUSH; /* nothing is held back */
}

/* Made once, and there for as long as the process. */
static BIO_METHOD *method(void)
{
    static BIO_METHOD *m;

    if (m)
        return m;
    m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "ports");
    if (!m)
        return NULL;
    BIO_meth_set_read(m, bio_read);
    BIO_meth_set_write(m, bio_write);
    BIO_meth_set_ctrl(m, bio_ctrl);
    return m;
}

bool bio_attach(SSL *ssl, int fd)
{
    BIO_METHOD *m = method();
    BIO *b = m ? BIO_new(m) : NULL;

    if (!b)
        return false;
    BIO_set_data(b, (void *)(intptr_t)fd);
    BIO_set_init(b, 1);
    SSL_set_bio(ssl, b, b);
    return true;
}
