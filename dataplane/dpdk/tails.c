#include "dataplane/dpdk/tails.h"

#include <stdbool.h>
#include <lwip/priv/tcp_priv.h>
#include "dataplane/dpdk/acks.h"
#include "dataplane/dpdk/cut.h"
#include "dataplane/dpdk/demux.h"
#include "dataplane/dpdk/mend.h"

err_t lwip_output(struct tcp_pcb *pcb);
err_t lwip_rexmit_rto_prepare(struct tcp_pcb *pcb);

static struct demux_entry *entry_of(const struct tcp_pcb *pcb)
{
    return pcb->state >= ESTABLISHED ? tcp_ext_arg_get(pcb, 0) : NULL;
}

/* Behind our FIN nothing is written. */
static bool may_write(const struct tcp_pcb *pcb)
{
    return pcb->state == ESTABLISHED || pcb->state == CLOSE_WAIT;
}

static struct tcp_seg *end_of(struct tcp_seg *seg)
{
    while (seg && seg->next)
        seg = seg->next;
    return seg;
}

static uint32_t seq_of(const struct tcp_seg *seg)
{
    return lwip_ntohl(seg->tcphdr->seqno);
}

void tails_forget(struct tcp_pcb *pcb)
{
    struct demux_entry *e = entry_of(pcb);

    if (e)
        e->unacked_end = e->unsent_end = NULL;
}

/*
 * How long lwIP's segments are: of as many frames as are a small part of what may be under way. The
 * last that waits, with the room that it has left, goes on as it began: lwIP asserts that.
 */
static u16_t long_segment(const struct tcp_pcb *pcb, const struct tcp_seg *last)
{
    uint32_t mss = pcb->mss, most = LWIP_MIN(pcb->cwnd / 4, pcb->snd_wnd_max / 2);
    uint32_t begun = last ? last->len + (uint32_t)pcb->unsent_oversize : 0;

    most = LWIP_MIN(most, CUT_LONGEST) / mss * mss;
    if (mss < CUT_LEAST || most < mss)
        most = mss;
    return (u16_t)LWIP_MAX(most, begun);
}

/* Would what is written now follow it? Not what is sent again, and waits for a window. */
static bool goes_on(const struct tcp_pcb *pcb, const struct tcp_seg *last)
{
    return seq_of(last) + TCP_TCPLEN(last) == pcb->snd_lbb;
}

/* lwIP sees the last that waits, or nothing: it would add to one that is sent again. */
static err_t write_behind(struct tcp_pcb *pcb, struct tcp_seg *last, const void *data, u16_t n,
                          u8_t flags)
{
    bool on = last && goes_on(pcb, last);
    struct tcp_seg *first = pcb->unsent;
    u16_t mss = pcb->mss;
    err_t rc;

    pcb->unsent = on ? last : NULL;
    pcb->unsent_oversize = on ? pcb->unsent_oversize : 0;
    pcb->mss = long_segment(pcb, pcb->unsent);
    rc = tcp_write(pcb, data, n, flags);
    pcb->mss = mss;
    if (last && !on)
        last->next = pcb->unsent;
    pcb->unsent = first ? first : pcb->unsent;
    return rc;
}

err_t tails_write(struct tcp_pcb *pcb, const void *data, u16_t n, u8_t flags)
{
    struct demux_entry *e = may_write(pcb) ? entry_of(pcb) : NULL;
    struct tcp_seg *last;
    err_t rc;

    if (!e)
        return tcp_write(pcb, data, n, flags);
    last = end_of(pcb->unsent && e->unsent_end ? e->unsent_end : pcb->unsent);
    rc = write_behind(pcb, last, data, n, flags);
    e->unsent_end = end_of(last ? last : pcb->unsent);
    return rc;
}

/* Does all that waits follow what is under way? What is sent again does not. */
static bool in_order(const struct tcp_pcb *pcb, const struct tcp_seg *last)
{
    return pcb->unsent && TCP_SEQ_GT(seq_of(pcb->unsent), seq_of(last));
}

/* What was the end may be under way now. */
static void check_unsent(const struct tcp_pcb *pcb, struct demux_entry *e)
{
    if (!may_write(pcb) || !pcb->unsent ||
        (e->unsent_end && TCP_SEQ_GT(seq_of(pcb->unsent), seq_of(e->unsent_end))))
        e->unsent_end = NULL;
}

static void insert(struct tcp_seg **list, struct tcp_seg *seg)
{
    while (*list && TCP_SEQ_LT(seq_of(*list), seq_of(seg)))
        list = &(*list)->next;
    seg->next = *list;
    *list = seg;
}

/* The queue begins with `first` again; what lwIP put before `last` has its place there. */
static void rejoin(struct tcp_pcb *pcb, struct tcp_seg *first, const struct tcp_seg *last)
{
    struct tcp_seg *seg = pcb->unacked;

    pcb->unacked = first;
    while (seg != last) {
        struct tcp_seg *next = seg->next;

        insert(&pcb->unacked, seg);
        seg = next;
    }
}

/* What fits into the window goes, by whole segments. */
static err_t output(struct tcp_pcb *pcb)
{
    struct demux_entry *e = entry_of(pcb);
    struct tcp_seg *first = pcb->unacked, *last = e && first ? e->unacked_end : NULL;
    bool skip = last && in_order(pcb, last);
    uint32_t next;
    err_t rc;

    if (skip)
        pcb->unacked = last;
    if (e) {
        demux_expect(e); /* the outlet asks whose segment it is */
        acks_put_off(e);
    }
    next = mend_number(pcb);
    rc = lwip_output(pcb);
    mend_back(pcb, next);
    if (e && pcb->snd_nxt != next)
        acks_carried(e);
    if (!pcb->unsent) /* lwIP would probe for what is not there, and end the process over it */
        pcb->persist_backoff = 0;
    if (e) {
        e->unacked_end = end_of(last ? last : pcb->unacked);
        check_unsent(pcb, e);
    }
    if (skip)
        rejoin(pcb, first, last);
    return rc;
}

/* Of the first segment only n bytes are to go next; the ends are known on. */
static bool split(struct tcp_pcb *pcb, struct demux_entry *e, uint32_t n)
{
    struct tcp_seg *unsent_end = e->unsent_end, *unacked_end = e->unacked_end;

    if (tcp_split_unsent_seg(pcb, (u16_t)n) != ERR_OK)
        return false;
    e->unacked_end = unacked_end;
    e->unsent_end = unsent_end == pcb->unsent ? pcb->unsent->next : unsent_end;
    return true;
}

/*
 * Bytes of the first segment, of several frames, that the window has room for. It is worth the
 * split where they are many, or nothing under way would make more room, or the window is small.
 */
static uint32_t edge(const struct tcp_pcb *pcb, uint32_t mss)
{
    const struct tcp_seg *seg = pcb->unsent;
    uint32_t window = LWIP_MIN(pcb->snd_wnd, pcb->cwnd);
    int32_t ahead = (int32_t)(seq_of(seg) - pcb->lastack); /* less than 0: some of it has arrived */
    int32_t room = (int32_t)(window - (uint32_t)LWIP_MAX(ahead, 0));

    if (room < (int32_t)mss || room >= (int32_t)seg->len + LWIP_MIN(ahead, 0))
        return 0;
    if (pcb->unacked && room < seg->len / 2 && window >= 4u * seg->len)
        return 0;
    return (uint32_t)room / mss * mss;
}

/* lwIP's is called lwip_output(). */
err_t tcp_output(struct tcp_pcb *pcb)
{
    struct demux_entry *e = entry_of(pcb);
    err_t rc = output(pcb);
    uint32_t n;

    if (rc != ERR_OK || !e || !e->mss || !pcb->unsent || pcb->unsent->len <= e->mss)
        return rc;
    n = edge(pcb, e->mss);
    return n && split(pcb, e, n) ? output(pcb) : rc;
}

/* The window is one frame now: the first segment may be as long, behind what the far end has of it.
 */
static void shorten(struct tcp_pcb *pcb)
{
    struct demux_entry *e = entry_of(pcb);

    if (pcb->unsent && e && e->mss)
        split(pcb, e, e->mss);
}

/* What was to be sent again, and waits for a window, has its place before what is under way: lwIP
 * would put all that behind it. */
static void take_back(struct tcp_pcb *pcb)
{
    const struct tcp_seg *last = end_of(pcb->unacked);

    while (last && pcb->unsent && TCP_SEQ_LT(seq_of(pcb->unsent), seq_of(last))) {
        struct tcp_seg *seg = pcb->unsent;

        pcb->unsent = seg->next;
        insert(&pcb->unacked, seg);
    }
}

/* A time-out: what is under way waits again. lwIP's is called lwip_rexmit_rto_prepare(). */
err_t tcp_rexmit_rto_prepare(struct tcp_pcb *pcb)
{
    err_t rc;

    tails_forget(pcb);
    take_back(pcb);
    rc = lwip_rexmit_rto_prepare(pcb);
    if (rc == ERR_OK)
        shorten(pcb);
    return rc;
}
