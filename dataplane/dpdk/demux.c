#include "dataplane/dpdk/demux.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <lwip/priv/tcp_priv.h>
#include <lwip/sys.h>
#include "dataplane/base/check.h"
#include "dataplane/base/hash.h"
#include "dataplane/base/list.h"
#include "dataplane/base/pool.h"
#include "dataplane/dpdk/frame.h"
#include "dataplane/dpdk/pmtu.h"
#include "dataplane/dpdk/window.h"

#define DEMUX_BUCKETS   65536
#define DEMUX_HALF_OPEN 2048 /* of the 4000 connections beyond those of sessions */

#define CHALLENGE_MS 500 /* between two challenges to one connection: RFC 5961 7 */
#define MSS_LEAST    256 /* a smaller one would take a thousand segments for a handshake's answer */
#define SPARE        64 /* connections: with fewer left, lwIP takes one in TIME-WAIT for a new one */

struct demux_entry {
    struct list node;      /* in its bucket */
    struct list half_open; /* until its handshake is done */
    struct tcp_pcb *pcb;
    uint32_t challenged_ms;
    uint16_t mss; /* settled by the handshake; 0: not yet */
};

struct demux {
    struct hash_key key;
    struct pool entries;
    struct list half_open;
    unsigned n_half_open;
    struct list *buckets;
};

/* lwIP is one instance for a worker, and so is this beside it. */
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
    t.v6 = !IP_IS_V4_VAL(pcb->local_ip);
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
    e->challenged_ms = sys_now() - CHALLENGE_MS;
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
    pmtu_init();
    return 0;
}

static struct demux_entry *find(const struct tuple *t)
{
    struct list *head = bucket(t), *pos;

    list_for_each(pos, head)
    {
        struct demux_entry *e = list_entry(pos, struct demux_entry, node);
        struct tuple have = tuple_of(e->pcb);

        if (!memcmp(&have, t, sizeof have))
            return e;
    }
    return NULL;
}

/* Say where we are, but not to everything that a stranger sends. */
static void challenge(struct demux_entry *e)
{
    uint32_t now_ms = sys_now();

    if (now_ms - e->challenged_ms < CHALLENGE_MS)
        return;
    e->challenged_ms = now_ms;
    tcp_send_empty_ack(e->pcb);
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

/*
 * lwIP takes the size of segments from any of them, while what is queued must not be longer: it
 * ends the process by an assertion. Here it counts in the first SYN only.
 */
static void settle_mss(struct tcp_pcb *pcb)
{
    struct demux_entry *e = tcp_ext_arg_get(pcb, 0);

    if (!e || pcb->state == SYN_SENT)
        return;
    if (!e->mss)
        e->mss = LWIP_MIN(LWIP_MAX(pcb->mss, MSS_LEAST), pmtu_known(pcb));
    pcb->mss = e->mss;
}

/* Smaller segments from now on, and of what was sent too. */
static void shrink(struct demux_entry *e, uint16_t mss)
{
    if (e->mss && mss < e->mss && !pmtu_cut(e->pcb, mss))
        e->mss = mss;
}

void demux_look(struct tcp_pcb *pcb)
{
    struct demux_entry *e = tcp_ext_arg_get(pcb, 0);

    if (e)
        shrink(e, pmtu_guess(pcb));
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
        settle_mss(pcb);
    } else {
        tcp_active_pcbs = unlink_gone(head, pcb, next);
    }
}

/*
 * No connection has it, or one in TIME-WAIT does: a SYN makes one, which joins the others. lwIP
 * walks those in TIME-WAIT too: it gets none to walk but `waiting`.
 */
static void input_none(struct tcp_pcb *waiting, void (*input)(void *arg), void *arg)
{
    struct tcp_pcb *head = tcp_active_pcbs, *tw = tcp_tw_pcbs, *made;
    struct tcp_pcb *next = waiting ? waiting->next : NULL;
    bool hidden = table.entries.used + SPARE < table.entries.cap;

    tcp_active_pcbs = NULL;
    if (hidden)
        tcp_tw_pcbs = waiting;
    if (hidden && waiting)
        waiting->next = NULL;
    input(arg);
    if (hidden)
        tcp_tw_pcbs = tw;
    if (hidden && waiting)
        waiting->next = next;
    made = tcp_active_pcbs;
    if (!made) {
        tcp_active_pcbs = head;
        return;
    }
    check(made->next == NULL);
    made->next = head;
    settle_mss(made);
}

/* False: its connection is not to hear it. */
static bool input_segment(const struct tuple *t, const uint8_t *tcp, void (*input)(void *arg),
                          void *arg)
{
    struct demux_entry *e = find(t);
    enum window_verdict verdict;

    if (e && e->pcb->state == TIME_WAIT && window_begins_anew(e->pcb, tcp)) {
        tcp_abandon(e->pcb, 0);
        e = NULL;
    }
    if (!e || e->pcb->state == TIME_WAIT) {
        input_none(e ? e->pcb : NULL, input, arg);
        return true;
    }
    verdict = window_judge(e->pcb, tcp);
    if (verdict == WINDOW_CHALLENGE)
        challenge(e);
    if (verdict != WINDOW_HEAR)
        return false;
    input_one(e->pcb, input, arg);
    return true;
}

static void input_too_big(const struct tuple *t, const uint8_t *tcp)
{
    struct demux_entry *e = find(t);

    if (e && e->pcb->state != TIME_WAIT)
        shrink(e, pmtu_told(e->pcb, tcp));
}

bool demux_input(const uint8_t *p, size_t n, void (*input)(void *arg), void *arg)
{
    const uint8_t *tcp = NULL;
    struct tuple t;
    bool taken = true;

    switch (frame_kind(p, n, &t, &tcp)) {
    case FRAME_DROP:
        return false;
    case FRAME_SEGMENT:
        taken = input_segment(&t, tcp, input, arg);
        make_room();
        break;
    case FRAME_TOO_BIG:
        input_too_big(&t, tcp);
        return false;
    default:
        input(arg);
    }
    return taken;
}
