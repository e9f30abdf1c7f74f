#include "dataplane/dpdk/demux.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <lwip/priv/tcp_priv.h>
#include "dataplane/base/check.h"
#include "dataplane/base/hash.h"
#include "dataplane/base/list.h"
#include "dataplane/base/pool.h"

#define DEMUX_BUCKETS   65536
#define DEMUX_HALF_OPEN 200 /* below lwIP's own 255 for each listener */

#define FAR_OFF (1u << 30) /* more than any window, less than half of the numbers */

#define ETHERTYPE_4    0x0800
#define ETHERTYPE_6    0x86dd
#define ETHERTYPE_ARP  0x0806
#define ETHERTYPE_VLAN 0x8100
#define ARP_BYTES      28 /* of IPv4 over Ethernet; lwIP reads them without a look at the length */

enum fate { FATE_SEGMENT, FATE_PASS, FATE_DROP };

struct tuple { /* as it stands on the wire, seen from the other end: source first */
    uint8_t remote[16], local[16];
    uint16_t remote_port, local_port;
};

struct demux_entry {
    struct list node;      /* in its bucket */
    struct list half_open; /* until its handshake is done */
    struct tcp_pcb *pcb;
};

struct demux {
    struct hash_key key;
    struct pool entries;
    struct list half_open;
    unsigned n_half_open;
    struct list *buckets;
};

/* lwIP is one instance in a process, and so is this beside it. */
static struct demux table;

static struct list *bucket(const struct tuple *t)
{
    return &table.buckets[hash_bytes(&table.key, t, sizeof *t) % DEMUX_BUCKETS];
}

static void put_ip(uint8_t out[16], const ip_addr_t *ip)
{
    if (IP_IS_V4_VAL(*ip))
        memcpy(out, &ip_2_ip4(ip)->addr, 4);
    else
        memcpy(out, ip_2_ip6(ip)->addr, 16);
}

static struct tuple tuple_of(const struct tcp_pcb *pcb)
{
    struct tuple t;

    memset(&t, 0, sizeof t);
    put_ip(t.remote, &pcb->remote_ip);
    put_ip(t.local, &pcb->local_ip);
    t.remote_port = htons(pcb->remote_port);
    t.local_port = htons(pcb->local_port);
    return t;
}

static void destroyed(u8_t id, void *data)
{
    struct demux_entry *e = data;

    (void)id;
    if (!e)
        return;
    list_remove(&e->node);
    if (!list_empty(&e->half_open))
        table.n_half_open--;
    list_remove(&e->half_open);
    pool_put(&table.entries, e);
}

static err_t passively_opened(u8_t id, struct tcp_pcb_listen *listener, struct tcp_pcb *pcb);

static const struct tcp_ext_arg_callbacks callbacks = {.destroy = destroyed,
                                                       .passive_open = passively_opened};

int demux_add(struct tcp_pcb *pcb)
{
    struct demux_entry *e = pool_get(&table.entries);
    struct tuple t = tuple_of(pcb);

    if (!e)
        return -ENOMEM;
    e->pcb = pcb;
    list_init(&e->half_open);
    list_push(bucket(&t), &e->node);
    tcp_ext_arg_set(pcb, 0, e);
    tcp_ext_arg_set_callbacks(pcb, 0, &callbacks);
    return 0;
}

/* A SYN came. The oldest that never went on makes room: a caller needs one round trip only. */
static err_t passively_opened(u8_t id, struct tcp_pcb_listen *listener, struct tcp_pcb *pcb)
{
    struct demux_entry *e;

    (void)id;
    (void)listener;
    if (demux_add(pcb))
        return ERR_MEM;
    e = tcp_ext_arg_get(pcb, 0);
    list_push(&table.half_open, &e->half_open);
    table.n_half_open++;
    return ERR_OK;
}

/* Outside of lwIP's own work, so that nothing vanishes under it. */
static void make_room(void)
{
    while (table.n_half_open >= DEMUX_HALF_OPEN) {
        struct demux_entry *e = list_entry(table.half_open.next, struct demux_entry, half_open);

        tcp_abandon(e->pcb, 0); /* silently: destroyed() takes it out of here */
    }
}

void demux_opened(struct tcp_pcb *pcb)
{
    struct demux_entry *e = tcp_ext_arg_get(pcb, 0);

    if (!e || list_empty(&e->half_open))
        return;
    list_remove(&e->half_open);
    table.n_half_open--;
}

void demux_listen(struct tcp_pcb *listener)
{
    tcp_ext_arg_set(listener, 0, NULL);
    tcp_ext_arg_set_callbacks(listener, 0, &callbacks);
}

int demux_init(void)
{
    int rc = pool_init(&table.entries, sizeof(struct demux_entry), MEMP_NUM_TCP_PCB);

    if (rc)
        return rc;
    table.buckets = calloc(DEMUX_BUCKETS, sizeof *table.buckets);
    if (!table.buckets)
        return -ENOMEM;
    for (unsigned i = 0; i < DEMUX_BUCKETS; i++)
        list_init(&table.buckets[i]);
    list_init(&table.half_open);
    hash_key_init(&table.key);
    return 0;
}

static uint16_t be16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

/* Where the TCP header of an IPv4 packet begins; NULL: options, a fragment, or not TCP. */
static const uint8_t *ip4_tcp(const uint8_t *p, size_t n, struct tuple *t)
{
    if (n < 40 || p[0] != 0x45 || p[9] != IPPROTO_TCP || (be16(p + 6) & 0x3fff))
        return NULL;
    memcpy(t->remote, p + 12, 4);
    memcpy(t->local, p + 16, 4);
    return p + 20;
}

/* The same of IPv6; NULL also where other headers stand before TCP's. */
static const uint8_t *ip6_tcp(const uint8_t *p, size_t n, struct tuple *t)
{
    if (n < 60 || p[0] >> 4 != 6 || p[6] != IPPROTO_TCP)
        return NULL;
    memcpy(t->remote, p + 8, 16);
    memcpy(t->local, p + 24, 16);
    return p + 40;
}

/* ICMP may go by without a look; TCP may not, behind whatever headers it stands. */
static bool ip4_passes(const uint8_t *p, size_t n)
{
    return n >= 20 && p[9] == IPPROTO_ICMP;
}

static bool ip6_passes(const uint8_t *p, size_t n)
{
    if (n < 41)
        return false;
    return p[6] == IPPROTO_ICMPV6 || (p[6] == IPPROTO_HOPOPTS && p[40] == IPPROTO_ICMPV6);
}

/* What becomes of a frame: with its connection's ends in *t and its TCP header in *tcp, if it is a
 * segment. */
static enum fate frame_fate(const uint8_t *p, size_t n, struct tuple *t, const uint8_t **tcp)
{
    size_t at = 14;
    uint16_t type;

    memset(t, 0, sizeof *t);
    if (n < at)
        return FATE_DROP;
    type = be16(p + 12);
    if (type == ETHERTYPE_VLAN && n >= 18) {
        type = be16(p + 16);
        at = 18;
    }
    p += at;
    n -= at;
    if (type != ETHERTYPE_4 && type != ETHERTYPE_6)
        return type == ETHERTYPE_ARP && n >= ARP_BYTES ? FATE_PASS : FATE_DROP;
    *tcp = type == ETHERTYPE_4 ? ip4_tcp(p, n, t) : ip6_tcp(p, n, t);
    if (!*tcp)
        return (type == ETHERTYPE_4 ? ip4_passes(p, n) : ip6_passes(p, n)) ? FATE_PASS : FATE_DROP;
    memcpy(&t->remote_port, *tcp, 2);
    memcpy(&t->local_port, *tcp + 2, 2);
    return FATE_SEGMENT;
}

/*
 * Is the segment from nowhere near this connection's numbers? lwIP compares them with a sign: half
 * of the circle away it takes one for a piece that it has, and ends the process by an assertion.
 */
static bool far_off(const struct tcp_pcb *pcb, const uint8_t *tcp)
{
    uint32_t seq = (uint32_t)be16(tcp + 4) << 16 | be16(tcp + 6);
    uint32_t ahead = seq - pcb->rcv_nxt, behind = pcb->rcv_nxt - seq;

    return pcb->state != SYN_SENT && ahead > FAR_OFF && behind > FAR_OFF;
}

static struct tcp_pcb *find(const struct tuple *t)
{
    struct list *head = bucket(t), *pos;

    list_for_each(pos, head)
    {
        struct tcp_pcb *pcb = list_entry(pos, struct demux_entry, node)->pcb;
        struct tuple have = tuple_of(pcb);

        if (!memcmp(&have, t, sizeof have))
            return pcb->state == TIME_WAIT ? NULL : pcb;
    }
    return NULL;
}

/* pcb has left the list that begins at head, where its predecessor still points to it. */
static struct tcp_pcb *unlink_gone(struct tcp_pcb *head, const struct tcp_pcb *pcb,
                                   struct tcp_pcb *next)
{
    if (head == pcb)
        return next;
    for (struct tcp_pcb *x = head; x; x = x->next)
        if (x->next == pcb) {
            x->next = next;
            break;
        }
    return head;
}

/* Only pcb is in the list while lwIP works. */
static void input_one(struct tcp_pcb *pcb, void (*input)(void *arg), void *arg)
{
    struct tcp_pcb *head = tcp_active_pcbs, *next = pcb->next;

    tcp_active_pcbs = pcb;
    pcb->next = NULL;
    input(arg);
    if (tcp_active_pcbs == pcb) {
        pcb->next = next;
        tcp_active_pcbs = head;
    } else {
        tcp_active_pcbs = unlink_gone(head, pcb, next);
    }
}

/* No connection has it: a SYN makes one, which joins the others. */
static void input_none(void (*input)(void *arg), void *arg)
{
    struct tcp_pcb *head = tcp_active_pcbs, *made;

    tcp_active_pcbs = NULL;
    input(arg);
    made = tcp_active_pcbs;
    if (!made) {
        tcp_active_pcbs = head;
        return;
    }
    check(made->next == NULL);
    made->next = head;
}

bool demux_input(const uint8_t *p, size_t n, void (*input)(void *arg), void *arg)
{
    const uint8_t *tcp = NULL;
    struct tcp_pcb *pcb;
    struct tuple t;
    enum fate fate = frame_fate(p, n, &t, &tcp);

    if (fate == FATE_PASS)
        input(arg);
    if (fate != FATE_SEGMENT)
        return fate == FATE_PASS;
    pcb = find(&t);
    if (pcb && far_off(pcb, tcp))
        return false;
    if (pcb)
        input_one(pcb, input, arg);
    else
        input_none(input, arg);
    make_room();
    return true;
}
