#include "dataplane/dpdk/quota.h"

#include <lwip/priv/tcp_priv.h>

#define ALL_BYTES   (64u << 20) /* of all connections, each way */
#define LEAST_BYTES (32u << 10) /* of each, received and not read: two records */
#define LEAST_SENT  (8u << 10)  /* of each, sent: lwIP has 65,535 segments for all of them */

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
    uint32_t most = part(n, TCP_WND, LEAST_BYTES);

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
    uint32_t most = part(n, TCP_WND, LEAST_BYTES),
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

size_t quota_room(const struct tcp_pcb *pcb, unsigned n)
{
    uint32_t most = part(n, TCP_SND_BUF, LEAST_SENT), queued = TCP_SND_BUF - pcb->snd_buf;

    return queued < most ? most - queued : 0;
}

size_t quota_worth(unsigned n)
{
    return part(n, TCP_SND_BUF, LEAST_SENT) / 2;
}
