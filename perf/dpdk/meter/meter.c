/*
 * meter: where the processor's cycles go in a data plane over DPDK.
 *
 * Why: the same objects as in the product, with a clock around the calls that lead from one part to
 * another: the linker puts these functions before the real ones (--wrap), so the product itself
 * carries nothing of it. A section's cycles are its own, without those of sections called from it.
 * What no section has is the loop's. A round in which nothing came and nothing happened is idle.
 * Four times a second a log line tells the sums since the start, each part in cycles.
 * Owner: the worker's thread.
 */
#include <stdbool.h>
#include <stdint.h>
#include <inttypes.h>
#include <lwip/tcp.h>
#include <rte_cycles.h>
#include "dataplane/base/clock.h"
#include "dataplane/base/log.h"
#include "dataplane/core/worker.h"
#include "dataplane/dpdk/port.h"
#include "dataplane/dpdk/tcp.h"
#include "dataplane/record/seal.h"

#define LINE_MS 250

enum section { LOOP, DRIVER, TCP, SUMS, TIMERS, CORE, CRYPTO, SECTIONS };

struct meter {
    enum section now;
    uint64_t since;                     /* when `now` began to run, or ran on */
    uint64_t round[SECTIONS];           /* of this round */
    uint64_t all[SECTIONS];             /* of rounds in which something happened */
    uint64_t idle;                      /* of the others */
    uint64_t frames_in, opened, sealed; /* bytes of records, headers included */
    const struct ports *ports;
    bool eventful;
    uint64_t told_ms;
};

static struct meter m; /* one worker in a process */

static enum section enter(enum section s)
{
    enum section before = m.now;
    uint64_t t = rte_rdtsc();

    m.round[before] += m.since ? t - m.since : 0;
    m.since = t;
    m.now = s;
    return before;
}

static void tell(void)
{
    uint64_t now_ms = clock_mono_ms(), lost = 0, waits = 0, resent = 0, out = 0;

    if (now_ms < m.told_ms + LINE_MS)
        return;
    for (unsigned i = 0; i < m.ports->n; i++) {
        lost += m.ports->port[i].refused[REFUSED_MEMORY];
        waits += m.ports->port[i].tx_waits;
        resent += m.ports->port[i].tx_resent;
        out += m.ports->port[i].tx_frames;
    }
    m.told_ms = now_ms;
    log_event(LOG_INFO, "meter",
              "mono_ms=%" PRIu64 " loop=%" PRIu64 " driver=%" PRIu64 " tcp=%" PRIu64
              " sums=%" PRIu64 " timers=%" PRIu64 " core=%" PRIu64 " crypto=%" PRIu64
              " idle=%" PRIu64 " frames_in=%" PRIu64 " frames_out=%" PRIu64 " opened=%" PRIu64
              " sealed=%" PRIu64 " lost=%" PRIu64 " waits=%" PRIu64 " resent=%" PRIu64,
              now_ms, m.all[LOOP], m.all[DRIVER], m.all[TCP], m.all[SUMS], m.all[TIMERS],
              m.all[CORE], m.all[CRYPTO], m.idle, m.frames_in, out, m.opened, m.sealed, lost, waits,
              resent);
}

static void round_over(void)
{
    for (int i = 0; i < SECTIONS; i++) {
        if (m.eventful)
            m.all[i] += m.round[i];
        else
            m.idle += m.round[i];
        m.round[i] = 0;
    }
    m.eventful = false;
    tell();
}

#define REAL(type, name, ...)                                                                      \
    type __real_##name(__VA_ARGS__);                                                               \
    type __wrap_##name(__VA_ARGS__);                                                               \
    type __wrap_##name(__VA_ARGS__)

REAL(unsigned, ports_poll, struct ports *ports)
{
    enum section before = enter(DRIVER);
    unsigned n;

    m.ports = ports;
    round_over();
    n = __real_ports_poll(ports);
    m.frames_in += n;
    m.eventful |= n > 0;
    enter(before);
    return n;
}

REAL(void, ports_flush, struct ports *ports)
{
    enum section before = enter(DRIVER);

    __real_ports_flush(ports);
    enter(before);
}

REAL(err_t, outlet_send, struct netif *netif, struct pbuf *p)
{
    enum section before = enter(DRIVER);
    err_t rc = __real_outlet_send(netif, p);

    enter(before);
    return rc;
}

REAL(bool, demux_input, const uint8_t *p, size_t n, void (*input)(void *arg), void *arg)
{
    enum section before = enter(TCP);
    bool rc = __real_demux_input(p, n, input, arg);

    enter(before);
    return rc;
}

REAL(err_t, tails_write, struct tcp_pcb *pcb, const void *data, u16_t n, u8_t flags)
{
    enum section before = enter(TCP);
    err_t rc = __real_tails_write(pcb, data, n, flags);

    enter(before);
    return rc;
}

REAL(err_t, tcp_output, struct tcp_pcb *pcb)
{
    enum section before = enter(TCP);
    err_t rc = __real_tcp_output(pcb);

    enter(before);
    return rc;
}

REAL(void, tcp_recved, struct tcp_pcb *pcb, u16_t n)
{
    enum section before = enter(TCP);

    __real_tcp_recved(pcb, n);
    enter(before);
}

REAL(void, acks_send, void)
{
    enum section before = enter(TCP);

    __real_acks_send();
    enter(before);
}

REAL(uint16_t, checksum_of, const void *data, int n)
{
    enum section before = enter(SUMS);
    uint16_t sum = __real_checksum_of(data, n);

    enter(before);
    return sum;
}

REAL(void, sys_check_timeouts, void)
{
    enum section before = enter(TIMERS);

    __real_sys_check_timeouts();
    enter(before);
}

REAL(bool, tcp_events, struct tcp *t)
{
    enum section before = enter(CORE);
    bool any = __real_tcp_events(t);

    m.eventful |= any;
    enter(before);
    return any;
}

REAL(void, round_end, struct worker *w)
{
    enum section before = enter(CORE);

    __real_round_end(w);
    enter(before);
}

REAL(int, seal_record, struct seal *s, uint8_t type, const uint8_t *in, size_t n, uint8_t *out,
     size_t *out_n)
{
    enum section before = enter(CRYPTO);
    int rc = __real_seal_record(s, type, in, n, out, out_n);

    m.sealed += n;
    enter(before);
    return rc;
}

REAL(int, seal_begin, struct seal *s, uint8_t type, const uint8_t *in, size_t n, uint8_t *out,
     size_t *out_n)
{
    enum section before = enter(CRYPTO);
    int rc = __real_seal_begin(s, type, in, n, out, out_n);

    m.sealed += n;
    enter(before);
    return rc;
}

REAL(int, seal_finish, struct seal *s)
{
    enum section before = enter(CRYPTO);
    int rc = __real_seal_finish(s);

    enter(before);
    return rc;
}

REAL(void, open_ahead, struct seal *s, const uint8_t *p, size_t n)
{
    enum section before = enter(CRYPTO);

    __real_open_ahead(s, p, n);
    enter(before);
}

REAL(int, open_record, struct seal *s, uint8_t *record, size_t n, struct opened *out)
{
    enum section before = enter(CRYPTO);
    int rc = __real_open_record(s, record, n, out);

    m.opened += n;
    enter(before);
    return rc;
}
