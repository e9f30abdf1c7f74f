/*
 * fuzz: the frame of every fuzz target: X_fuzz.c is one program that feeds hostile bytes to one
 * decoder. The sanitizers watch memory; check() says what must hold of anything that was accepted.
 *
 * A target may raise the length of its inputs (4096 unless told) by a comment: fuzz: max_len=N.
 */
#ifndef PENSTOCK_FUZZ_H
#define PENSTOCK_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "dataplane/base/buf.h"
#include "dataplane/base/check.h"

/* Called by libFuzzer for each input; the memory has exactly n bytes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
/* What must be there before the first input; for a target that wants it. */
int LLVMFuzzerInitialize(int *argc, char ***argv);

/*
 * Define round_NAME(data, n): whatever NAME_get accepts, NAME_put writes again byte for byte.
 * Needs `static uint8_t out[]` large enough for any input.
 */
#define FUZZ_ROUND(name, get, put, type)                                                           \
    static void round_##name(const uint8_t *data, size_t n)                                        \
    {                                                                                              \
        static type m;                                                                             \
        struct buf r, w;                                                                           \
                                                                                                   \
        buf_init_read(&r, data, n);                                                                \
        if (get(&r, &m))                                                                           \
            return;                                                                                \
        buf_init(&w, out, sizeof out);                                                             \
        put(&w, &m);                                                                               \
        check(buf_ok(&w) && w.len == n && !memcmp(out, data, n));                                  \
    }                                                                                              \
    typedef int round_##name##_is_defined

/* One kind of message: its type is the input's first byte, its body the rest. */
struct fuzz_kind {
    uint8_t type;
    void (*round)(const uint8_t *data, size_t n);
};

static inline void fuzz_by_type(const struct fuzz_kind *kinds, size_t n_kinds, const uint8_t *data,
                                size_t n)
{
    for (size_t i = 0; n > 0 && i < n_kinds; i++)
        if (kinds[i].type == data[0])
            kinds[i].round(data + 1, n - 1);
}

#endif
