/* Its functions are ours, around lwIP's own: dpdk.mk gives those other names. */
#include <lwip/priv/tcp_priv.h>
#include "dataplane/dpdk/mend.h"
#include "dataplane/dpdk/tails.h"

err_t lwip_split_unsent_seg(struct tcp_pcb *pcb, u16_t split);
err_t lwip_send_empty_ack(struct tcp_pcb *pcb);

/* lwIP asserts that no part is longer than its frames, which ours may be (tails). */
static err_t split_any(struct tcp_pcb *pcb, u16_t split)
{
    u16_t mss = pcb->mss;
    err_t rc;

    pcb->mss = LWIP_MAX(mss, split);
    rc = lwip_split_unsent_seg(pcb, split);
    pcb->mss = mss;
    return rc;
}

/* Bytes of the segment that the far end has acknowledged: never all of one that is in a queue. */
static uint32_t had(const struct tcp_pcb *pcb, const struct tcp_seg *seg)
{
    int32_t n = seg ? (int32_t)(pcb->lastack - lwip_ntohl(seg->tcphdr->seqno)) : 0;

    return n > 0 ? (uint32_t)n : 0;
}

/*
 * Of the first unsent segment, only `split` bytes are to go at once, that the far end lacks. lwIP
 * counts from the segment's begin: a part of which the far end has all waits in the queue for good,
 * and all behind it. It means to move FIN and PSH to the second part and leaves them on the first
 * too: what follows an early FIN is lost.
 */
err_t tcp_split_unsent_seg(struct tcp_pcb *pcb, u16_t split)
{
    const struct tcp_seg *whole = pcb->unsent, *rest = whole ? whole->next : NULL;
    uint32_t n = split + had(pcb, whole);
    err_t rc = whole && n >= whole->len ? ERR_OK : split_any(pcb, (u16_t)n);

    tails_forget(pcb);
    if (rc == ERR_OK && pcb->unsent == whole && whole && whole->next != rest)
        TCPH_UNSET_FLAG(pcb->unsent->tcphdr, TCP_FIN | TCP_PSH);
    return rc;
}

uint32_t mend_number(struct tcp_pcb *pcb)
{
    uint32_t next = pcb->snd_nxt, edge = pcb->lastack + pcb->snd_wnd;

    if (pcb->state >= ESTABLISHED && TCP_SEQ_LT(edge, next))
        pcb->snd_nxt = edge;
    return next;
}

void mend_back(struct tcp_pcb *pcb, uint32_t next)
{
    if (TCP_SEQ_LT(pcb->snd_nxt, next))
        pcb->snd_nxt = next;
}

void mend_abort(struct tcp_pcb *pcb)
{
    (void)mend_number(pcb);
    tcp_abort(pcb);
}

/* Where lwIP's input answers by itself; output() has its own. lwIP's is lwip_send_empty_ack(). */
err_t tcp_send_empty_ack(struct tcp_pcb *pcb)
{
    uint32_t next = mend_number(pcb);
    err_t rc = lwip_send_empty_ack(pcb);

    mend_back(pcb, next);
    return rc;
}
