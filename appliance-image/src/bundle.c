#include "appliance-image/src/bundle.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define FORMAT  1
#define WHERE   "update"
#define FIX_GET "get the file again from whoever made it, and compare its checksum"

static const char *const part_names[BUNDLE_PARTS] = {"root", "tree", "kernel"};

struct bundle_reader {
    const struct bundle_sink *sink;
    void *arg;
    EVP_PKEY *key;
    EVP_MD_CTX *hash; /* of the part that comes */
    struct bundle_head head;
    uint8_t raw[BUNDLE_HEAD_BYTES];
    size_t n_raw;
    unsigned part; /* that comes; BUNDLE_PARTS: all have come */
    uint64_t at;   /* in it */
    int rc;        /* of the first failure, which stands */
    struct err why;
};

/* ---- the head ---- */

void bundle_put_head(struct buf *b, const struct bundle_head *h)
{
    buf_put_bytes(b, BUNDLE_MAGIC, BUNDLE_MAGIC_BYTES);
    buf_put_u16(b, FORMAT);
    buf_put_u64(b, h->version);
    buf_put_bytes(b, h->root_hash, BUNDLE_HASH);
    for (unsigned i = 0; i < BUNDLE_PARTS; i++) {
        buf_put_u64(b, h->parts[i].size);
        buf_put_bytes(b, h->parts[i].sha256, BUNDLE_HASH);
    }
}

static void get_bytes(struct buf *b, uint8_t *to, size_t n)
{
    const uint8_t *from = buf_get_bytes(b, n);

    if (from)
        memcpy(to, from, n);
}

static bool sizes_fit(const struct bundle_head *h)
{
    for (unsigned i = 0; i < BUNDLE_PARTS; i++)
        if (!h->parts[i].size || h->parts[i].size > BUNDLE_PART_MAX)
            return false;
    return h->parts[BUNDLE_ROOT].size % BUNDLE_BLOCK == 0 &&
           h->parts[BUNDLE_TREE].size % BUNDLE_BLOCK == 0;
}

int bundle_get_head(struct buf *b, struct bundle_head *h)
{
    const uint8_t *magic = buf_get_bytes(b, BUNDLE_MAGIC_BYTES);
    uint16_t format = buf_get_u16(b);
    struct bundle_head got = {.version = buf_get_u64(b)};

    get_bytes(b, got.root_hash, BUNDLE_HASH);
    for (unsigned i = 0; i < BUNDLE_PARTS; i++) {
        got.parts[i].size = buf_get_u64(b);
        get_bytes(b, got.parts[i].sha256, BUNDLE_HASH);
    }
    if (!buf_done(b) || memcmp(magic, BUNDLE_MAGIC, BUNDLE_MAGIC_BYTES) != 0 || format != FORMAT)
        return -EPROTO;
    if (got.version < BUNDLE_VERSION_FIRST || got.version > BUNDLE_VERSION_LAST || !sizes_fit(&got))
        return -EPROTO;
    *h = got;
    return 0;
}

/* ---- reading ---- */

struct bundle_reader *bundle_new(const uint8_t key[BUNDLE_KEY], const struct bundle_sink *sink,
                                 void *arg)
{
    struct bundle_reader *r = calloc(1, sizeof *r);

    if (!r)
        return NULL;
    r->sink = sink;
    r->arg = arg;
    r->key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key, BUNDLE_KEY);
    r->hash = EVP_MD_CTX_new();
    if (r->key && r->hash)
        return r;
    bundle_free(r);
    return NULL;
}

void bundle_free(struct bundle_reader *r)
{
    if (!r)
        return;
    EVP_PKEY_free(r->key);
    EVP_MD_CTX_free(r->hash);
    free(r);
}

/* The failure that stands from now on. */
static int fail(struct bundle_reader *r, int rc, const struct err *e)
{
    r->rc = rc;
    r->why = *e;
    return rc;
}

static int check_signature(struct bundle_reader *r, struct err *e)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool good = ctx && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, r->key) == 1 &&
                EVP_DigestVerify(ctx, r->raw + BUNDLE_SIGNED_BYTES, BUNDLE_SIGNATURE, r->raw,
                                 BUNDLE_SIGNED_BYTES) == 1;

    EVP_MD_CTX_free(ctx);
    if (good)
        return 0;
    return err_set(e, -EKEYREJECTED, WHERE, FIX_GET,
                   "its signature is not by the key that this appliance takes updates from");
}

static int begin_part(struct bundle_reader *r, struct err *e)
{
    r->at = 0;
    if (EVP_DigestInit_ex(r->hash, EVP_sha256(), NULL) == 1)
        return 0;
    return err_set(e, -ENOMEM, WHERE, "free memory", "out of memory");
}

static int take_head(struct bundle_reader *r, struct err *e)
{
    struct buf b;
    int rc;

    buf_init_read(&b, r->raw, BUNDLE_SIGNED_BYTES);
    rc = bundle_get_head(&b, &r->head);
    if (rc)
        return err_set(e, rc, WHERE, "give a file penstock-VERSION.update of the image's build",
                       "it is no update of a kind that this version knows");
    rc = check_signature(r, e);
    if (!rc)
        rc = r->sink->head(r->arg, &r->head, e);
    return rc ? rc : begin_part(r, e);
}

static int end_part(struct bundle_reader *r, struct err *e)
{
    uint8_t hash[BUNDLE_HASH];

    if (EVP_DigestFinal_ex(r->hash, hash, NULL) != 1)
        return err_set(e, -ENOMEM, WHERE, "free memory", "out of memory");
    if (memcmp(hash, r->head.parts[r->part].sha256, sizeof hash) != 0)
        return err_set(e, -EBADMSG, WHERE, FIX_GET, "its %s is damaged", part_names[r->part]);
    return ++r->part < BUNDLE_PARTS ? begin_part(r, e) : 0;
}

/* At most n bytes for the part that comes; *used of them were. */
static int take_part(struct bundle_reader *r, const uint8_t *data, size_t n, size_t *used,
                     struct err *e)
{
    uint64_t left = r->head.parts[r->part].size - r->at;
    size_t now = n < left ? n : (size_t)left;
    int rc = r->sink->data(r->arg, (enum bundle_part)r->part, r->at, data, now, e);

    if (rc)
        return rc;
    if (EVP_DigestUpdate(r->hash, data, now) != 1)
        return err_set(e, -ENOMEM, WHERE, "free memory", "out of memory");
    r->at += now;
    *used = now;
    return r->at == r->head.parts[r->part].size ? end_part(r, e) : 0;
}

/* One step with at most n bytes, n > 0; *used of them were taken. */
static int step(struct bundle_reader *r, const uint8_t *data, size_t n, size_t *used, struct err *e)
{
    if (r->n_raw < BUNDLE_HEAD_BYTES) {
        size_t room = BUNDLE_HEAD_BYTES - r->n_raw;

        *used = n < room ? n : room;
        memcpy(r->raw + r->n_raw, data, *used);
        r->n_raw += *used;
        return r->n_raw == BUNDLE_HEAD_BYTES ? take_head(r, e) : 0;
    }
    if (r->part == BUNDLE_PARTS)
        return err_set(e, -EPROTO, WHERE, FIX_GET, "there is more behind its end");
    return take_part(r, data, n, used, e);
}

int bundle_feed(struct bundle_reader *r, const uint8_t *data, size_t n, struct err *e)
{
    size_t used = 0;

    while (!r->rc && n) {
        int rc = step(r, data, n, &used, e);

        if (rc)
            return fail(r, rc, e);
        data += used;
        n -= used;
    }
    if (r->rc)
        *e = r->why;
    return r->rc;
}

int bundle_end(struct bundle_reader *r, struct err *e)
{
    if (r->rc) {
        *e = r->why;
        return r->rc;
    }
    if (r->n_raw == BUNDLE_HEAD_BYTES && r->part == BUNDLE_PARTS)
        return 0;
    (void)err_set(e, -EPROTO, WHERE, FIX_GET, "it ends too early");
    return fail(r, -EPROTO, e);
}
