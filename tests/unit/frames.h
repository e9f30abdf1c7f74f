/*
 * frames: lwIP with one interface that ends in the test: frames are built here, put through demux
 * as a port would, and what lwIP answers is taken apart.
 *
 * Why: what strangers can send at the engine is tried without a device, by millions, and in time of
 * the test's own. Sums are neither made nor looked at; the end-to-end tests do that.
 */
#ifndef PENSTOCK_FRAMES_H
#define PENSTOCK_FRAMES_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <lwip/init.h>
#include <lwip/netif.h>
#include <lwip/priv/tcp_priv.h>
#include <lwip/prot/tcp.h>
#include <lwip/sys.h>
#include <lwip/tcp.h>
#include <lwip/timeouts.h>
#include <netif/ethernet.h>
#include "dataplane/base/check.h"
#include "dataplane/dpdk/acks.h"
#include "dataplane/dpdk/demux.h"
#include "dataplane/dpdk/lwip/hooks.h"

#define FRAMES_PORT 443
#define FRAME_MAX   2048

struct segment {   /* from the far end; host byte order */
    uint8_t host;  /* the last byte of its address */
    uint16_t port; /* its own */
    uint16_t to;   /* ours; 0: FRAMES_PORT */
    bool v6;
    uint8_t flags;
    uint32_t seq, ack;
    uint16_t window;
    const uint8_t *options; /* of a length that four divides */
    uint8_t n_options;
    const uint8_t *data;
    uint16_t n;
};

struct frames {
    struct netif netif;
    uint16_t vlan; /* that ours have; 0: none */
    uint32_t now_ms, random;
    unsigned syn_acks, resets, others; /* answered so far */
    uint32_t seq, ack;                 /* of the last answer */
    uint16_t window, n;
    uint8_t flags;
};

static struct frames frames;

/* What lwIP and demux ask for, as stack.c, face.c and tcp_open.c answer it in the engine. */
u32_t sys_now(void)
{
    return frames.now_ms;
}

uint32_t lwip_random(void)
{
    return frames.random = frames.random * 1664525u + 1013904223u;
}

void lwip_broken(const char *what)
{
    fprintf(stderr, "lwIP: %s\n", what);
    abort();
}

s32_t port_vlan_set(struct netif *netif)
{
    (void)netif;
    return frames.vlan ? frames.vlan : -1;
}

int port_vlan_check(struct netif *netif, const struct eth_vlan_hdr *vlan)
{
    (void)netif;
    return vlan->prio_vid == 0;
}

const void *port_gateway6(struct netif *netif)
{
    (void)netif;
    return NULL;
}

u32_t tcp_first_sequence(const void *local, u16_t local_port, const void *remote, u16_t remote_port)
{
    (void)local;
    (void)local_port;
    (void)remote;
    return 0xffffff00u + remote_port; /* soon over the end of the numbers */
}

static void frames_answer(const struct pbuf *p, size_t ip)
{
    struct tcp_hdr h;
    uint8_t flags;

    if (p->tot_len < ip + sizeof h || pbuf_copy_partial(p, &h, sizeof h, (u16_t)ip) != sizeof h)
        return;
    flags = frames.flags = TCPH_FLAGS(&h);
    frames.seq = lwip_ntohl(h.seqno);
    frames.ack = lwip_ntohl(h.ackno);
    frames.window = lwip_ntohs(h.wnd);
    frames.n = (uint16_t)(p->tot_len - ip - TCPH_HDRLEN_BYTES(&h));
    if (flags & TCP_RST)
        frames.resets++;
    else if (flags & TCP_SYN)
        frames.syn_acks++;
    else
        frames.others++;
}

static err_t frames_out4(struct netif *netif, struct pbuf *p, const ip4_addr_t *to)
{
    (void)netif;
    (void)to;
    if (pbuf_get_at(p, 9) == IP_PROTO_TCP)
        frames_answer(p, 20);
    return ERR_OK;
}

static err_t frames_out6(struct netif *netif, struct pbuf *p, const ip6_addr_t *to)
{
    (void)netif;
    (void)to;
    if (pbuf_get_at(p, 6) == IP_PROTO_TCP)
        frames_answer(p, 40);
    return ERR_OK;
}

static err_t frames_link(struct netif *netif, struct pbuf *p)
{
    (void)netif;
    (void)p;
    return ERR_OK;
}

static const uint8_t frames_mac[6] = {2, 0, 0, 0, 0, 1};

static err_t frames_netif(struct netif *netif)
{
    netif->name[0] = 't';
    netif->hwaddr_len = 6;
    memcpy(netif->hwaddr, frames_mac, 6);
    netif->mtu = netif->mtu6 = 1500;
    netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET |
                   NETIF_FLAG_LINK_UP | NETIF_FLAG_MLD6;
    netif->output = frames_out4;
    netif->output_ip6 = frames_out6;
    netif->linkoutput = frames_link;
    NETIF_SET_CHECKSUM_CTRL(netif, NETIF_CHECKSUM_DISABLE_ALL);
    return ERR_OK;
}

static const uint8_t frames_v6[16] = {0xfd, 9, [15] = 1};

/* Once in a process; `accept` gets the connections of FRAMES_PORT. */
static inline void frames_begin(tcp_accept_fn accept)
{
    ip4_addr_t ip, mask, none = {0};
    struct tcp_pcb *pcb;
    ip6_addr_t ip6;

    check(demux_init() == 0);
    lwip_init();
    IP4_ADDR(&ip, 10, 9, 0, 1);
    IP4_ADDR(&mask, 255, 255, 255, 0);
    check(netif_add(&frames.netif, &ip, &mask, &none, NULL, frames_netif, ethernet_input));
    memset(&ip6, 0, sizeof ip6);
    memcpy(ip6.addr, frames_v6, 16);
    netif_ip6_addr_set(&frames.netif, 1, &ip6);
    netif_ip6_addr_set_state(&frames.netif, 1, IP6_ADDR_PREFERRED);
    netif_set_default(&frames.netif);
    netif_set_up(&frames.netif);
    pcb = tcp_new_ip_type(IPADDR_TYPE_ANY);
    check(pcb && tcp_bind(pcb, IP_ANY_TYPE, FRAMES_PORT) == ERR_OK);
    pcb = tcp_listen_with_backlog(pcb, TCP_DEFAULT_LISTEN_BACKLOG);
    check(pcb);
    demux_listen(pcb);
    tcp_accept(pcb, accept);
}

/* For each case: the first begins, and of the one before it no connection is left. */
static inline void frames_fresh(tcp_accept_fn accept)
{
    static bool once;

    if (!once)
        frames_begin(accept);
    once = true;
    while (tcp_active_pcbs)
        tcp_abort(tcp_active_pcbs);
    while (tcp_tw_pcbs)
        tcp_abort(tcp_tw_pcbs);
    frames.syn_acks = frames.resets = frames.others = 0;
}

static void frames_input(void *arg)
{
    if (frames.netif.input(arg, &frames.netif) != ERR_OK)
        pbuf_free(arg);
}

/* n bytes as they would come from the wire; the turn goes on. */
static inline void frames_hear(const uint8_t *data, size_t n)
{
    struct pbuf *p = pbuf_alloc(PBUF_RAW, (u16_t)n, PBUF_RAM);

    check(p && n <= FRAME_MAX);
    memcpy(p->payload, data, n);
    if (!demux_input(p->payload, n, frames_input, p))
        pbuf_free(p);
}

/* The same, as all that came in a turn. */
static inline void frames_put(const uint8_t *data, size_t n)
{
    frames_hear(data, n);
    acks_send();
}

static inline void put16(uint8_t *p, unsigned v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static inline void put32(uint8_t *p, uint32_t v)
{
    put16(p, v >> 16);
    put16(p + 2, v);
}

static inline size_t frames_ip4(uint8_t *p, const struct segment *s, size_t tcp)
{
    static const uint8_t head[20] = {0x45, [8] = 64, [9] = IP_PROTO_TCP, [12] = 10, 9, 0, 2, 10, 9,
                                     0,    1};

    memcpy(p, head, 20);
    put16(p + 2, (unsigned)(20 + tcp));
    p[15] = s->host;
    return 20;
}

static inline size_t frames_ip6(uint8_t *p, const struct segment *s, size_t tcp)
{
    memset(p, 0, 40);
    p[0] = 0x60;
    put16(p + 4, (unsigned)tcp);
    p[6] = IP_PROTO_TCP;
    p[7] = 64;
    memcpy(p + 8, frames_v6, 16);
    p[23] = s->host;
    memcpy(p + 24, frames_v6, 16);
    return 40;
}

/* The segment's frame, without sums; its length, with where IP's and TCP's headers are. */
static inline size_t frames_build(const struct segment *s, uint8_t frame[FRAME_MAX], size_t *ip,
                                  size_t *at)
{
    uint8_t *p = frame;
    size_t tcp = 20u + s->n_options + s->n;

    check(s->n_options <= 40 && s->n_options % 4 == 0 && tcp <= 1500);
    memset(frame, 0, FRAME_MAX);
    memcpy(p, frames_mac, 6);
    p[6] = 2;
    p[11] = s->host;
    put16(p + 12, s->v6 ? 0x86dd : 0x0800);
    p += 14;
    *ip = 14;
    p += s->v6 ? frames_ip6(p, s, tcp) : frames_ip4(p, s, tcp);
    *at = (size_t)(p - frame);
    put16(p, s->port);
    put16(p + 2, s->to ? s->to : FRAMES_PORT);
    put32(p + 4, s->seq);
    put32(p + 8, s->ack);
    p[12] = (uint8_t)((20 + s->n_options) / 4 << 4);
    p[13] = s->flags;
    put16(p + 14, s->window);
    if (s->n_options)
        memcpy(p + 20, s->options, s->n_options);
    if (s->n)
        memcpy(p + 20 + s->n_options, s->data, s->n);
    return *at + tcp;
}

static inline void frames_segment(const struct segment *s)
{
    uint8_t frame[FRAME_MAX];
    size_t ip, tcp, n = frames_build(s, frame, &ip, &tcp);

    frames_put(frame, n);
}

/* A round trip of a client: SYN, and the ACK of what was answered. The client's number is then seq
 * + 1. */
static inline void frames_open(uint8_t host, uint16_t port, bool v6, uint32_t seq)
{
    struct segment s = {
        .host = host, .port = port, .v6 = v6, .flags = TCP_SYN, .seq = seq, .window = 8192};

    frames_segment(&s);
    s.flags = TCP_ACK;
    s.seq++;
    s.ack = frames.seq + 1;
    frames_segment(&s);
}

/* Time passes, and lwIP's timers with it. */
static inline void frames_wait(uint32_t ms)
{
    for (uint32_t end = frames.now_ms + ms; frames.now_ms != end;) {
        uint32_t step = end - frames.now_ms < TCP_TMR_INTERVAL ? end - frames.now_ms
                                                               : TCP_TMR_INTERVAL;

        frames.now_ms += step;
        sys_check_timeouts();
        acks_send();
    }
}

#endif
