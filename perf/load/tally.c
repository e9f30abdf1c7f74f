#include "perf/load/tally.h"

#include <stddef.h>

static const char *const names[FAULT_COUNT] = {
    [FAULT_NONE] = "none",
    [FAULT_NO_PORTS] = "no_ports",
    [FAULT_NO_FILES] = "no_files",
    [FAULT_CONNECT] = "connect",
    [FAULT_CONNECT_TIME] = "connect_timeout",
    [FAULT_SHAKE_ALERT] = "handshake_alert",
    [FAULT_SHAKE_END] = "handshake_cut",
    [FAULT_SHAKE_TIME] = "handshake_timeout",
    [FAULT_SHAKE_LOCAL] = "handshake_local",
    [FAULT_REFUSED] = "refused",
    [FAULT_REFUSED_TIME] = "greeting_timeout",
    [FAULT_SESSION_ALERT] = "session_alert",
    [FAULT_SESSION_END] = "session_cut",
    [FAULT_BAD_RECORD] = "bad_record",
    [FAULT_ANSWER_TIME] = "answer_timeout",
    [FAULT_LOST_BYTES] = "lost_bytes",
    [FAULT_CLOSE_TIME] = "close_timeout",
};

/* Counters only, so that sums and differences need no list of their names. */
#define COUNTERS (sizeof(struct counts) / sizeof(uint64_t))

union counters {
    struct counts c;
    uint64_t n[COUNTERS];
};

const char *tally_fault_name(enum fault f)
{
    return names[f];
}

void counts_add(struct counts *to, const struct counts *from)
{
    union counters a = {.c = *to}, b = {.c = *from};

    for (size_t i = 0; i < COUNTERS; i++)
        a.n[i] += b.n[i];
    *to = a.c;
}

void counts_between(struct counts *to, const struct counts *begin, const struct counts *end)
{
    union counters a = {.c = *end}, b = {.c = *begin};

    for (size_t i = 0; i < COUNTERS; i++)
        a.n[i] -= b.n[i];
    *to = a.c;
}

uint64_t counts_faults(const struct counts *c)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < FAULT_COUNT; i++)
        sum += c->faults[i];
    return sum;
}
