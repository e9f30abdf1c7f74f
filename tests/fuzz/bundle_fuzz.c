/*
 * Goal: no file, however broken, makes the reader of updates hand on a byte that no signature
 * vouches for, or read beyond what it has; and a name on the EFI partition says what it says.
 */
#include <stdlib.h>
#include "appliance-image/src/bundle.h"
#include "appliance-image/src/entry.h"
#include "appliance-image/src/running.h"
#include "tests/fuzz/fuzz.h"

/* Of no private key that anybody has. */
static const uint8_t key[BUNDLE_KEY] = {
    0x58, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
    0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66};

static int on_head(void *arg, const struct bundle_head *h, struct err *e)
{
    (void)arg;
    (void)h;
    (void)e;
    check(false);
    return 0;
}

static int on_data(void *arg, enum bundle_part part, uint64_t at, const uint8_t *data, size_t n,
                   struct err *e)
{
    (void)part;
    (void)at;
    (void)data;
    (void)n;
    return on_head(arg, NULL, e);
}

static void read_file(const uint8_t *data, size_t n)
{
    static const struct bundle_sink sink = {.head = on_head, .data = on_data};
    struct bundle_reader *r = bundle_new(key, &sink, NULL);
    size_t piece = n ? 1 + data[0] : 1;
    struct err e;

    check(r);
    for (size_t at = 0; at < n; at += piece)
        if (bundle_feed(r, data + at, n - at < piece ? n - at : piece, &e))
            break;
    check(bundle_end(r, &e) && e.what[0]);
    bundle_free(r);
}

static void read_head(const uint8_t *data, size_t n)
{
    uint8_t again[BUNDLE_SIGNED_BYTES];
    struct bundle_head h;
    struct buf b;

    buf_init_read(&b, data, n);
    if (bundle_get_head(&b, &h))
        return;
    buf_init(&b, again, sizeof again);
    bundle_put_head(&b, &h);
    check(buf_ok(&b) && b.len == n && !memcmp(again, data, n));
}

static void read_text(const uint8_t *data, size_t n)
{
    char *text = malloc(n + 1), name[ENTRY_NAME_MAX];
    uint8_t uuid[ENTRY_UUID];
    uint64_t version;
    struct entry entry;

    check(text);
    memcpy(text, data, n);
    text[n] = '\0';
    if (!entry_parse(text, &entry)) {
        entry_name(&entry, name);
        check(!strcmp(name, text));
    }
    if (!running_version(text, &version))
        check(version >= BUNDLE_VERSION_FIRST && version <= BUNDLE_VERSION_LAST);
    (void)running_uuid(text, uuid);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    read_file(data, n);
    read_head(data, n);
    read_text(data, n);
    return 0;
}
