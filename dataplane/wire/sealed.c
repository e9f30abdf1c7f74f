#include "dataplane/wire/sealed.h"

#include <errno.h>
#include <string.h>

#include "dataplane/base/buf.h"
#include "dataplane/base/check.h"

#define MAGIC     "PSKEK1\n"
#define MAGIC_LEN 8 /* with its zero */

const char *const kek_kept_names[KEK_KEPT] = {
    [KEK_CREDENTIAL] = "credential",
    [KEK_FILE] = "file",
    [KEK_TPM] = "tpm",
    [KEK_TPM_SECURE_BOOT] = "tpm-secure-boot",
};

bool sealed_is(const uint8_t *p, size_t n)
{
    return n >= MAGIC_LEN && !memcmp(p, MAGIC, MAGIC_LEN);
}

static size_t get_part(struct buf *b, uint8_t *out, size_t max)
{
    size_t n = 0;
    const uint8_t *p = buf_get_blob(b, max, &n);

    if (p)
        memcpy(out, p, n);
    if (!p || !n)
        b->bad = true;
    return n;
}

int sealed_get(const uint8_t *p, size_t n, struct sealed *s)
{
    struct sealed got = {0};
    struct buf b;

    if (!sealed_is(p, n))
        return -EPROTO;
    buf_init_read(&b, p + MAGIC_LEN, n - MAGIC_LEN);
    got.binding = buf_get_u8(&b);
    got.n_name = get_part(&b, got.name, sizeof got.name);
    got.n_public = get_part(&b, got.public_part, sizeof got.public_part);
    got.n_private = get_part(&b, got.private_part, sizeof got.private_part);
    if (!buf_done(&b) || got.binding >= SEALED_BINDINGS)
        return -EPROTO;
    *s = got;
    return 0;
}

size_t sealed_put(const struct sealed *s, uint8_t out[SEALED_FILE_MAX])
{
    struct buf b;

    check(s->n_name && s->n_name <= SEALED_NAME_MAX && s->n_public &&
          s->n_public <= SEALED_PART_MAX && s->n_private && s->n_private <= SEALED_PART_MAX);
    buf_init(&b, out, SEALED_FILE_MAX);
    buf_put_bytes(&b, MAGIC, MAGIC_LEN);
    buf_put_u8(&b, (uint8_t)s->binding);
    buf_put_blob(&b, s->name, s->n_name);
    buf_put_blob(&b, s->public_part, s->n_public);
    buf_put_blob(&b, s->private_part, s->n_private);
    check(buf_ok(&b));
    return b.len;
}
