#include "dataplane/dpdk/tails.h"

#include <stdbool.h>
#include <lwip/priv/tcp_priv.h>
#include "dataplane/dpdk/demux.h"

err_t lwip_output(struct tcp_pcb *pcb);
err_t lwip_rexmit_rto_prepare(struct tcp_pcb *pcb);

static bool again;

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

err_t tails_write(struct tcp_pcb *pcb, const void *data, u16_t n, u8_t flags)
{
    struct demux_entry *e = may_write(pcb) ? entry_of(pcb) : NULL;
    struct tcp_seg *first = pcb->unsent, *last = e && first ? e->unsent_end : NULL;
    err_t rc;

    if (last)
        pcb->unsent = last;
    rc = tcp_write(pcb, data, n, flags);
    if (e)
        e->unsent_end = end_of(pcb->unsent);
    if (last)
        pcb->unsent = first;
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

/* lwIP's is called lwip_output(). */
err_t tcp_output(struct tcp_pcb *pcb)
{
    struct demux_entry *e = entry_of(pcb);
    struct tcp_seg *first = pcb->unacked, *last = e && first ? e->unacked_end : NULL;
    bool skip = last && in_order(pcb, last);
    err_t rc;

    if (skip)
        pcb->unacked = last;
    again = pcb->unsent && TCP_SEQ_LT(seq_of(pcb->unsent), pcb->snd_nxt);
    rc = lwip_output(pcb);
    again = false;
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

bool tails_again(void)
{
    return again;
}

/* A time-out: what is under way waits again. lwIP's is called lwip_rexmit_rto_prepare(). */
err_t tcp_rexmit_rto_prepare(struct tcp_pcb *pcb)
{
    tails_forget(pcb);
    return lwip_rexmit_rto_prepare(pcb);
}
