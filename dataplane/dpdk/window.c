#include "dataplane/dpdk/window.h"

#include <lwip/priv/tcp_priv.h>
#include "dataplane/dpdk/frame.h"

struct head {
    uint32_t seq, ack;
    uint16_t window;
    uint8_t flags;
};

static struct head head_of(const uint8_t *tcp)
{
    return (struct head){.seq = frame_be32(tcp + 4),
                         .ack = frame_be32(tcp + 8),
                         .window = frame_be16(tcp + 14),
                         .flags = tcp[13]};
}

/* From a window before what is expected, sent again by mistake, to the end of what may come. */
static bool seq_near(const struct tcp_pcb *pcb, uint32_t seq)
{
    return seq - (pcb->rcv_nxt - TCP_WND) <= TCP_WND + pcb->rcv_wnd;
}

/* Between the oldest that can be under way still, and what was sent. RFC 5961 5.2 */
static bool ack_near(const struct tcp_pcb *pcb, uint32_t ack)
{
    uint32_t oldest = pcb->lastack - pcb->snd_wnd_max;

    return ack - oldest <= pcb->snd_nxt - oldest;
}

/* A reset counts only if it knows the next number exactly. RFC 5961 3.2 */
static enum window_verdict judge_reset(const struct tcp_pcb *pcb, uint32_t seq)
{
    if (seq == pcb->rcv_nxt)
        return WINDOW_HEAR;
    return seq - pcb->rcv_nxt < pcb->rcv_wnd ? WINDOW_CHALLENGE : WINDOW_DROP;
}

enum window_verdict window_judge(const struct tcp_pcb *pcb, const uint8_t *tcp)
{
    struct head h = head_of(tcp);

    if (pcb->state == SYN_SENT)
        return WINDOW_HEAR; /* there are no numbers of the other end yet */
    if (h.flags & TCP_RST)
        return judge_reset(pcb, h.seq);
    if (h.flags & TCP_SYN)
        return pcb->state == SYN_RCVD && h.seq == pcb->rcv_nxt - 1 ? WINDOW_HEAR : WINDOW_CHALLENGE;
    if (!(h.flags & TCP_ACK))
        return WINDOW_DROP;
    if (!seq_near(pcb, h.seq))
        return WINDOW_CHALLENGE;
    if (pcb->state == SYN_RCVD)
        return WINDOW_HEAR; /* a wrong acknowledgement is reset there */
    return ack_near(pcb, h.ack) ? WINDOW_HEAR : WINDOW_CHALLENGE;
}

void window_take_back(struct tcp_pcb *pcb, const uint8_t *tcp)
{
    struct head h = head_of(tcp);
    uint32_t window = (uint32_t)h.window << pcb->snd_scale;

    if (pcb->state >= ESTABLISHED && h.flags & TCP_ACK && h.seq == pcb->snd_wl1 &&
        h.ack == pcb->snd_wl2 && window < pcb->snd_wnd)
        pcb->snd_wnd = window;
}

bool window_begins_anew(const struct tcp_pcb *pcb, const uint8_t *tcp)
{
    struct head h = head_of(tcp);

    return (h.flags & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN)) == TCP_SYN &&
           TCP_SEQ_GT(h.seq, pcb->rcv_nxt);
}
