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
#include "dataplane/dpdk/acks.h"
#include "dataplane/dpdk/fetch.h"
#include "dataplane/dpdk/frame.h"
#include "dataplane/dpdk/pmtu.h"
#include "dataplane/dpdk/window.h"

#define DEMUX_BUCKETS   65536
#define DEMUX_HALF_OPEN 2048 /* of the 4000 connections beyond those of sessions */
#define DEMUX_SPARE     64   /* with fewer left, the oldest in TIME-WAIT makes room */

#define TOLD 128 /* bytes of whoever is told of a connection, the first to be looked at */

#define CHALLENGE_MS 500 /* between two challenges to one connection: RFC 5961 7 */
#define MSS_LEAST    256 /* a smaller one would take a thousand segments for a handshake's answer */

struct demux {
    struct hash_key key;
    struct pool entries;
    struct list half_open, time_wait; /* oldest first */
    unsigned n_half_open;
    struct list *buckets;
    struct demux_entry *last; /* found: a burst has many segments of one connection */
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

static struct demux_entry *entry_of(const struct tcp_pcb *pcb)
{
    return pcb ? tcp_ext_arg_get(pcb, 0) : NULL;
}

static void set_before(struct tcp_pcb *pcb, struct tcp_pcb *before)
{
    struct demux_entry *e = entry_of(pcb);

    if (e)
        e->before = before;
}

/*
 * lwIP's lists are singly linked: it walks from the head to whatever leaves. Here the way is known:
 * pcb, which may be no more, stood between these two.
 */
static void close_gap(struct tcp_pcb **head, const struct tcp_pcb *pcb, struct tcp_pcb *before,
                      struct tcp_pcb *next)
{
    if (*head == pcb) {
        before = NULL;
        *head = next;
    } else {
        if (!before || before->next != pcb) /* lwIP ended its neighbour by itself */
            for (before = *head; before->next != pcb; before = before->next)
                check(before->next);
        before->next = next;
    }
    set_before(next, before);
}

static void unlink_pcb(struct tcp_pcb **head, struct tcp_pcb *pcb)
{
    close_gap(head, pcb, entry_of(pcb) ? entry_of(pcb)->before : NULL, pcb->next);
    pcb->next = NULL;
}

static void push_pcb(struct tcp_pcb **head, struct tcp_pcb *pcb)
{
    set_before(*head, pcb);
    set_before(pcb, NULL);
    pcb->next = *head;
    *head = pcb;
}

void demux_front(struct tcp_pcb *pcb)
{
    struct tcp_pcb **head = pcb->state == TIME_WAIT ? &tcp_tw_pcbs : &tcp_active_pcbs;

    if (pcb->state == CLOSED || *head == pcb)
        return;
    unlink_pcb(head, pcb);
    push_pcb(head, pcb);
}

static void destroyed(u8_t id, void *data)
{
    struct demux_entry *e = data;

    (void)id;
    if (!e)
        return;
    set_before(e->pcb->next, e->before); /* lwIP's timer took it from the middle of its list */
    list_remove(&e->node);
    if (!list_empty(&e->half_open))
        table.n_half_open--;
    list_remove(&e->half_open);
    list_remove(&e->time_wait);
    list_remove(&e->waits);
    list_remove(&e->acks);
    if (table.last == e)
        table.last = NULL;
    pool_put(&table.entries, e);
}

static err_t passively_opened(u8_t id, struct tcp_pcb_listen *listener, struct tcp_pcb *pcb);

static const struct tcp_ext_arg_callbacks callbacks = {.destroy = destroyed,
                                                       .passive_open = passively_opened};

int demux_add(struct tcp_pcb *pcb)
{
    struct demux_entry *e = pool_get(&table.entries);

    if (!e)
        return -ENOMEM;
    e->pcb = pcb;
    e->challenged_ms = sys_now() - CHALLENGE_MS;
    e->tuple = tuple_of(pcb);
    e->before = NULL;
    list_init(&e->half_open);
    list_init(&e->time_wait);
    list_init(&e->waits);
    list_init(&e->acks);
    list_push(bucket(&e->tuple), &e->node);
    tcp_ext_arg_set(pcb, 0, e);
    tcp_ext_arg_set_callbacks(pcb, 0, &callbacks);
    if (tcp_active_pcbs == pcb)
        set_before(pcb->next, pcb);
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

        demux_front(e->pcb);
        tcp_abandon(e->pcb, 0); /* silently: destroyed() takes it out of here */
    }
    while (table.entries.used + DEMUX_SPARE > table.entries.cap && !list_empty(&table.time_wait)) {
        struct demux_entry *e = list_entry(table.time_wait.next, struct demux_entry, time_wait);

        demux_front(e->pcb);
        tcp_abort(e->pcb);
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
    list_init(&table.time_wait);
    table.last = NULL;
    hash_key_init(&table.key);
    pmtu_init();
    acks_init();
    return 0;
}

static bool is_of(const struct demux_entry *e, const struct tuple *t)
{
    return memcmp(&e->tuple, t, sizeof *t) == 0;
}

static struct demux_entry *search(const struct list *head, const struct tuple *t)
{
    struct list *pos;

    list_for_each(pos, head)
    {
        struct demux_entry *e = list_entry(pos, struct demux_entry, node);

        if (is_of(e, t))
            return e;
    }
    return NULL;
}

struct demux_entry *demux_find(const struct tuple *t)
{
    struct demux_entry *e;

    if (table.last && is_of(table.last, t))
        return table.last;
    e = search(bucket(t), t);
    if (e)
        table.last = e;
    return e;
}

/* What an input looks at: lwIP's connection, who is told, what waits to be acknowledged. */
static void fetch_state(struct demux_entry *const *found, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (found[i])
            fetch(found[i]->pcb, sizeof *found[i]->pcb);
    for (unsigned i = 0; i < n; i++) {
        if (!found[i])
            continue;
        fetch(found[i]->pcb->callback_arg, TOLD);
        fetch(found[i]->pcb->unacked, sizeof(struct tcp_seg));
    }
}

void demux_ahead(const struct tuple *const *t, unsigned n, struct demux_entry **found)
{
    const struct list *head[DEMUX_AHEAD];

    check(n <= DEMUX_AHEAD);
    for (unsigned i = 0; i < n; i++) {
        head[i] = bucket(t[i]);
        fetch(head[i], sizeof *head[i]);
    }
    for (unsigned i = 0; i < n; i++)
        fetch(list_entry(head[i]->next, struct demux_entry, node), sizeof(struct demux_entry));
    for (unsigned i = 0; i < n; i++)
        found[i] = search(head[i], t[i]);
    fetch_state(found, n);
}

void demux_expect(struct demux_entry *e)
{
    table.last = e;
}

void demux_ack_next(const struct tuple *t)
{
    struct demux_entry *e = demux_find(t);

    if (e && e->pcb->state == ESTABLISHED)
        tcp_set_flags(e->pcb, TF_ACK_DELAY);
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

/*
 * lwIP takes the size of segments from any of them, while what is queued must not be longer: it
 * ends the process by an assertion. Here it counts in the first SYN only.
 */
static void settle_mss(struct tcp_pcb *pcb)
{
    struct demux_entry *e = entry_of(pcb);

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
    struct demux_entry *e = entry_of(pcb);

    if (e)
        shrink(e, pmtu_guess(pcb));
}

/* A list of lwIP's of which only one connection is shown, or none. */
struct hidden {
    struct tcp_pcb **list, *first, *shown, *next;
    struct tcp_pcb *before; /* of the one shown */
};

/* Nobody's links change but those of the one shown: its neighbours are not in the cache. */
static struct hidden hide(struct tcp_pcb **list, struct tcp_pcb *shown)
{
    struct hidden h = {.list = list, .first = *list, .shown = shown};

    if (shown) {
        h.next = shown->next;
        h.before = entry_of(shown) ? entry_of(shown)->before : NULL;
        shown->next = NULL;
    }
    *list = shown;
    return h;
}

/* All are in the list again, but for the one shown if it has left. One that was made meanwhile, or
 * has come from another list, is first. */
static void show_all(const struct hidden *h)
{
    struct tcp_pcb *pcb = *h->list;

    check(!pcb || !pcb->next);
    *h->list = h->first;
    if (pcb && pcb == h->shown) {
        pcb->next = h->next;
        return;
    }
    if (h->shown)
        close_gap(h->list, h->shown, h->before, h->next);
    if (pcb)
        push_pcb(h->list, pcb);
}

static void time_wait_begun(void)
{
    struct demux_entry *e = entry_of(tcp_tw_pcbs);

    if (e && list_empty(&e->time_wait))
        list_push(&table.time_wait, &e->time_wait);
}

/* lwIP looks for the segment's connection in its lists: it finds pcb there, or nothing. */
static void input_to(struct tcp_pcb *pcb, void (*input)(void *arg), void *arg)
{
    bool over = pcb && pcb->state == TIME_WAIT;
    struct hidden active = hide(&tcp_active_pcbs, over ? NULL : pcb);
    struct hidden waiting = hide(&tcp_tw_pcbs, over ? pcb : NULL);

    input(arg);
    if (tcp_active_pcbs)
        settle_mss(tcp_active_pcbs);
    if (tcp_tw_pcbs)
        time_wait_begun();
    show_all(&active);
    show_all(&waiting);
}

/* False: its connection is not to hear it. */
static bool input_segment(const struct tuple *t, const uint8_t *tcp, void (*input)(void *arg),
                          void *arg)
{
    struct demux_entry *e = demux_find(t);
    enum window_verdict verdict = WINDOW_HEAR;

    if (e && e->pcb->state == TIME_WAIT && window_begins_anew(e->pcb, tcp)) {
        demux_front(e->pcb);
        tcp_abandon(e->pcb, 0);
        e = NULL;
    }
    if (e && e->pcb->state != TIME_WAIT)
        verdict = window_judge(e->pcb, tcp);
    if (verdict == WINDOW_CHALLENGE)
        challenge(e);
    if (verdict != WINDOW_HEAR)
        return false;
    if (e && e->pcb->state != TIME_WAIT)
        window_take_back(e->pcb, tcp);
    input_to(e ? e->pcb : NULL, input, arg);
    return true;
}

static void input_too_big(const struct tuple *t, const uint8_t *tcp)
{
    struct demux_entry *e = demux_find(t);

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
