/*
 * mend: what lwIP does wrong, put right around it; its source stays as it is (dpdk.mk renames the
 * function there).
 */
#include <lwip/priv/tcp_priv.h>
#include "dataplane/dpdk/tails.h"

err_t lwip_split_unsent_seg(struct tcp_pcb *pcb, u16_t split);

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

/*
 * Of the first unsent segment, only `split` bytes are to go at once. lwIP means to move FIN and PSH
 * to the second part and leaves them on the first too: what follows an early FIN is lost.
 */
err_t tcp_split_unsent_seg(struct tcp_pcb *pcb, u16_t split)
{
    const struct tcp_seg *whole = pcb->unsent, *rest = whole ? whole->next : NULL;
    err_t rc = split_any(pcb, split);

    tails_forget(pcb);
    if (rc == ERR_OK && pcb->unsent == whole && whole && whole->next != rest)
        TCPH_UNSET_FLAG(pcb->unsent->tcphdr, TCP_FIN | TCP_PSH);
    return rc;
}
