/*
 * What anybody on the wire can do to the DPDK engine's TCP: frames as they are, segments near the
 * numbers of connections that are open, and time. lwIP's assertions end the process there, so here
 * they are finds. fuzz: max_len=2048
 */
#include "tests/unit/frames.h"
#include "tests/fuzz/fuzz.h"

#define HELD_MAX  64
#define PORTS     4
#define HALF_OPEN 2048

/* An application that echoes, ends when the far end does, and now and then stops reading. */
struct app {
    struct tcp_pcb *pcb;
    bool reads;
};

static struct app apps[HELD_MAX];

static err_t on_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
    struct app *a = arg;

    (void)err;
    if (!p) {
        tcp_shutdown(pcb, 0, 1);
        return ERR_OK;
    }
    if (a->reads) {
        tcp_recved(pcb, p->tot_len);
        if (tcp_sndbuf(pcb) > p->len)
            tcp_write(pcb, p->payload, p->len, TCP_WRITE_FLAG_COPY);
    }
    pbuf_free(p);
    return ERR_OK;
}

static void on_error(void *arg, err_t err)
{
    struct app *a = arg;

    (void)err;
    a->pcb = NULL;
}

static err_t on_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
    (void)arg;
    if (err != ERR_OK)
        return ERR_VAL;
    demux_opened(pcb);
    for (unsigned i = 0; i < HELD_MAX; i++)
        if (!apps[i].pcb) {
            apps[i] = (struct app){pcb, true};
            tcp_arg(pcb, &apps[i]);
            tcp_recv(pcb, on_recv);
            tcp_err(pcb, on_error);
            return ERR_OK;
        }
    return ERR_MEM;
}

static void begin(void)
{
    frames_fresh(on_accept);
    frames.random = 1;
}

static uint32_t take32(struct buf *b)
{
    return buf_get_u32(b);
}

/* Near the connection's own numbers, if there is one, with all of the input's wish to be elsewhere.
 */
static void segment(struct buf *b)
{
    uint8_t options[40], data[1400];
    struct segment s = {.host = 2, .options = options, .data = data};
    uint8_t kind = buf_get_u8(b);
    const struct tcp_pcb *pcb;

    s.port = (uint16_t)(1000 + kind % PORTS);
    s.v6 = kind & 0x10;
    s.flags = buf_get_u8(b);
    s.seq = take32(b);
    s.ack = take32(b);
    s.window = buf_get_u16(b);
    s.n_options = (uint8_t)(buf_get_u8(b) % 11 * 4);
    s.n = (uint16_t)(buf_get_u16(b) % sizeof data);
    for (unsigned i = 0; i < s.n_options; i++)
        options[i] = buf_get_u8(b);
    memset(data, s.flags, s.n);
    for (pcb = tcp_active_pcbs; pcb; pcb = pcb->next)
        if (pcb->remote_port == s.port && IP_IS_V6(&pcb->remote_ip) == s.v6)
            break;
    s.to = pcb ? pcb->local_port : 0;
    if (pcb && !(kind & 0x20)) {
        s.seq = pcb->rcv_nxt + (uint32_t)(int32_t)(int16_t)s.seq;
        s.ack = pcb->lastack + (uint32_t)(int32_t)(int16_t)s.ack;
    }
    if (kind & 0x40) /* half of all numbers away, where a comparison with a sign turns over */
        s.seq ^= 0x80000000u;
    frames_segment(&s);
}

static void raw(struct buf *b)
{
    uint8_t frame[600];
    size_t n = 1 + buf_get_u16(b) % sizeof frame;

    for (size_t i = 0; i < n; i++)
        frame[i] = buf_get_u8(b);
    if (frame[0] & 0x80) /* to us, as most of it will be */
        memcpy(frame, frames_mac, 6);
    frames_put(frame, n);
}

static void act(struct buf *b)
{
    struct app *a = &apps[buf_get_u8(b) % HELD_MAX];
    uint8_t what = buf_get_u8(b);

    if (!a->pcb)
        return;
    if (what % 4 == 0) {
        a->reads = !a->reads;
    } else if (what % 4 == 1) {
        tcp_write(a->pcb, frames_mac, sizeof frames_mac, TCP_WRITE_FLAG_COPY);
        tcp_output(a->pcb);
    } else if (what % 4 == 2) {
        tcp_abort(a->pcb);
    } else {
        tcp_shutdown(a->pcb, 0, 1);
    }
}

static err_t on_connected(void *arg, struct tcp_pcb *pcb, err_t err)
{
    (void)arg;
    (void)pcb;
    return err;
}

/* A connection that begins here, as to a target. */
static void dial(uint16_t port)
{
    struct tcp_pcb *pcb = tcp_new_ip_type(IPADDR_TYPE_V4);
    ip_addr_t to;

    check(pcb);
    IP_ADDR4(&to, 10, 9, 0, 2);
    for (unsigned i = 0; i < HELD_MAX; i++) {
        if (apps[i].pcb)
            continue;
        apps[i] = (struct app){pcb, true};
        tcp_arg(pcb, &apps[i]);
        tcp_recv(pcb, on_recv);
        tcp_err(pcb, on_error);
        if (tcp_connect(pcb, &to, port, on_connected) == ERR_OK && demux_add(pcb) == 0)
            return;
        break;
    }
    tcp_abort(pcb);
}

static void look(void)
{
    unsigned n = 0, half_open = 0;

    for (const struct tcp_pcb *p = tcp_active_pcbs; p; p = p->next) {
        check(++n <= 10000); /* a list that bites its tail */
        half_open += p->state == SYN_RCVD;
    }
    check(half_open <= HALF_OPEN);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct buf b;

    begin();
    buf_init_read(&b, data, n);
    while (buf_left(&b)) {
        uint8_t op = buf_get_u8(&b);

        if (op < 0x60)
            segment(&b);
        else if (op < 0x90)
            raw(&b);
        else if (op < 0xb0)
            frames_open(2, (uint16_t)(1000 + op % PORTS), op & 0x10, take32(&b));
        else if (op < 0xd8)
            act(&b);
        else if (op < 0xe0)
            dial((uint16_t)(1000 + op % PORTS));
        else
            frames_wait((op - 0xdfu) * TCP_TMR_INTERVAL);
        look();
    }
    return 0;
}
