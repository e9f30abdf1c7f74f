#include "dataplane/dpdk/quota.h"

#include <lwip/priv/tcp_priv.h>

#define ALL_BYTES  (64u << 20) /* of all connections, each way; of each at least QUOTA_LEAST, */
#define LEAST_SENT (8u << 10)  /* once half of all is sent so much: lwIP has 65,535 segments */

static uint32_t part(unsigned n, uint32_t most, uint32_t least)
{
    uint32_t each = ALL_BYTES / (n ? n : 1);

    return each > most ? most : each < least ? least : each;
}

/*
 * The SYN told a window of 64 KiB at most; lwIP has noted the whole one for told, and would tell it
 * again and again.
 */
void quota_begin(struct tcp_pcb *pcb, unsigned n, uint32_t *withheld)
{
    uint32_t most = part(n, TCP_WND, QUOTA_LEAST);

    *withheld = 0;
    if (most < UINT16_MAX)
        most = UINT16_MAX;
    if (pcb->rcv_wnd <= most)
        return;
    *withheld = pcb->rcv_wnd - most;
    pcb->rcv_wnd = pcb->rcv_ann_wnd = most;
    pcb->rcv_ann_right_edge = pcb->rcv_nxt + most;
}

void quota_read(struct tcp_pcb *pcb, unsigned n, uint32_t *withheld, size_t bytes)
{
    uint32_t most = part(n, TCP_WND, QUOTA_LEAST),
             room = pcb->rcv_wnd < most ? most - pcb->rcv_wnd : 0;

    *withheld += (uint32_t)bytes;
    room = room < *withheld ? room : *withheld;
    *withheld -= room;
    while (room) {
        uint16_t step = room > 0xffff ? 0xffff : (uint16_t)room;

        tcp_recved(pcb, step);
        room -= step;
    }
}

void quota_end(struct tcp_pcb *pcb)
{
    pcb->rcv_wnd = TCP_WND_MAX(pcb);
}

static uint32_t queued(const struct tcp_pcb *pcb)
{
    return pcb ? TCP_SND_BUF - pcb->snd_buf : 0;
}

void quota_count(const struct tcp_pcb *pcb, uint32_t *own, size_t *all)
{
    *all += queued(pcb);
    *all -= *own;
    *own = queued(pcb);
}

static uint32_t part_sent(unsigned n, size_t all)
{
    return part(n, TCP_SND_BUF, all < ALL_BYTES / 2 ? QUOTA_LEAST : LEAST_SENT);
}

size_t quota_room(const struct tcp_pcb *pcb, unsigned n, size_t all)
{
    uint32_t most = part_sent(n, all);

    return queued(pcb) < most ? most - queued(pcb) : 0;
}

size_t quota_worth(unsigned n, size_t all)
{
    return part_sent(n, all) / 2;
}

size_t quota_fit(const struct tcp_pcb *pcb, unsigned n, size_t all, size_t bytes)
{
    size_t room = quota_room(pcb, n, all);

    return bytes <= room ? bytes : bytes <= quota_worth(n, all) ? 0 : room;
}
