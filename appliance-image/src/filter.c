#include "appliance-image/src/filter.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "dataplane/base/check.h"

#define TABLE      "penstock"
#define WAIT_S     1
#define ANSWER_MAX (32 * 1024) /* the kernel makes its messages no longer */
#define BATCH_MAX  1024

/* Sets of the table: by multicast the partner's address is not known. */
static const char *const partners[] = {"partner4", "partner6", "segment"};

/* ---- messages ---- */

struct batch {
    union {
        struct nlmsghdr head; /* for its alignment */
        uint8_t bytes[BATCH_MAX];
    };
    size_t n, at; /* at: where the message begins that is being made */
    unsigned answers;
};

static void put_bytes(struct batch *b, const void *data, size_t n)
{
    size_t room = NLMSG_ALIGN(n);

    check(b->n + room <= sizeof b->bytes);
    memset(b->bytes + b->n, 0, room);
    memcpy(b->bytes + b->n, data, n);
    b->n += room;
}

static void put(struct batch *b, uint16_t type, const void *data, size_t n)
{
    const struct nlattr a = {.nla_len = (uint16_t)(NLA_HDRLEN + n), .nla_type = type};

    put_bytes(b, &a, sizeof a);
    put_bytes(b, data, n);
}

static void put_text(struct batch *b, uint16_t type, const char *text)
{
    put(b, type, text, strlen(text) + 1);
}

/* What is put until close() lies in it. */
static size_t open_nest(struct batch *b, uint16_t type)
{
    size_t at = b->n;

    put(b, type | NLA_F_NESTED, "", 0);
    return at;
}

static void close_nest(struct batch *b, size_t at)
{
    const uint16_t n = (uint16_t)(b->n - at);

    memcpy(b->bytes + at + offsetof(struct nlattr, nla_len), &n, sizeof n);
}

static void begin(struct batch *b, uint16_t type, uint16_t flags, uint8_t family, uint16_t resource)
{
    const struct nlmsghdr head = {.nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST | flags};
    const struct nfgenmsg general = {
        .nfgen_family = family, .version = NFNETLINK_V0, .res_id = htons(resource)};

    b->at = b->n;
    b->answers += (flags & NLM_F_ACK) != 0;
    put_bytes(b, &head, sizeof head);
    put_bytes(b, &general, sizeof general);
}

static void end(struct batch *b)
{
    const uint32_t n = (uint32_t)(b->n - b->at);

    memcpy(b->bytes + b->at + offsetof(struct nlmsghdr, nlmsg_len), &n, sizeof n);
}

static void begin_table(struct batch *b, uint16_t what, uint16_t flags)
{
    begin(b, NFNL_SUBSYS_NFTABLES << 8 | what, flags, NFPROTO_INET, 0);
}

static void put_frame(struct batch *b, uint16_t type)
{
    begin(b, type, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
    end(b);
}

/* A socket to the kernel to which the batch was sent, or -errno. */
static int ask(const struct batch *b)
{
    const struct timeval wait = {.tv_sec = WAIT_S};
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER), rc;

    if (fd < 0)
        return -errno;
    if (!setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) &&
        send(fd, b->bytes, b->n, 0) == (ssize_t)b->n)
        return fd;
    rc = errno ? -errno : -EIO;
    close(fd);
    return rc;
}

/* ---- the partner ---- */

static void empty_set(struct batch *b, const char *set)
{
    begin_table(b, NFT_MSG_DELSETELEM, NLM_F_ACK);
    put_text(b, NFTA_SET_ELEM_LIST_TABLE, TABLE);
    put_text(b, NFTA_SET_ELEM_LIST_SET, set);
    end(b);
}

static void add_element(struct batch *b, const char *set, const void *key, size_t n)
{
    size_t list, element, value;

    begin_table(b, NFT_MSG_NEWSETELEM, NLM_F_CREATE | NLM_F_ACK);
    put_text(b, NFTA_SET_ELEM_LIST_TABLE, TABLE);
    put_text(b, NFTA_SET_ELEM_LIST_SET, set);
    list = open_nest(b, NFTA_SET_ELEM_LIST_ELEMENTS);
    element = open_nest(b, NFTA_LIST_ELEM);
    value = open_nest(b, NFTA_SET_ELEM_KEY);
    put(b, NFTA_DATA_VALUE, key, n);
    close_nest(b, value);
    close_nest(b, element);
    close_nest(b, list);
    end(b);
}

/* The interface's name, and behind it the address that the partner's advertisements come from. */
static void add_partner(struct batch *b, const struct vrrp_set *set)
{
    struct {
        char interface[VRRP_INTERFACE_MAX];
        uint8_t ip[16];
    } key = {0};
    size_t n = set->peer.family == AF_INET6 ? 16 : 4;

    snprintf(key.interface, sizeof key.interface, "%s", set->interface);
    memcpy(key.ip, set->peer.ip, n);
    if (!set->peer.family)
        add_element(b, "segment", key.interface, sizeof key.interface);
    else
        add_element(b, set->peer.family == AF_INET6 ? "partner6" : "partner4", &key,
                    sizeof key.interface + n);
}

/* One answer, which is an acknowledgement or the reason why there is none. */
static int take_answer(int fd)
{
    union {
        struct nlmsghdr head;
        uint8_t bytes[ANSWER_MAX];
    } answer;
    const struct nlmsgerr *e = NLMSG_DATA(&answer.head);
    ssize_t n = recv(fd, &answer, sizeof answer, 0);

    if (n < 0)
        return -errno;
    if (n < (ssize_t)NLMSG_LENGTH(sizeof *e) || answer.head.nlmsg_type != NLMSG_ERROR)
        return -EPROTO;
    return e->error;
}

int filter_partner(const struct vrrp_set *set)
{
    struct batch b = {.n = 0};
    int fd, rc = 0;

    put_frame(&b, NFNL_MSG_BATCH_BEGIN);
    for (size_t i = 0; i < ARRAY_LEN(partners); i++)
        empty_set(&b, partners[i]);
    if (set->on)
        add_partner(&b, set);
    put_frame(&b, NFNL_MSG_BATCH_END);
    fd = ask(&b);
    if (fd < 0)
        return fd == -EPROTONOSUPPORT ? -ENOENT : fd;
    while (b.answers-- && !rc)
        rc = take_answer(fd);
    close(fd);
    return rc == -EOPNOTSUPP ? -ENOENT : rc;
}

/* ---- counters ---- */

/* The attribute at `at` with all its bytes, or NULL: the last has been seen. */
static const struct nlattr *attribute(const uint8_t *at, const uint8_t *limit)
{
    const struct nlattr *a = (const void *)at;

    return limit - at >= NLA_HDRLEN && a->nla_len >= NLA_HDRLEN && a->nla_len <= limit - at ? a
                                                                                            : NULL;
}

static const uint8_t *payload(const struct nlattr *a, const uint8_t **limit)
{
    *limit = (const uint8_t *)a + a->nla_len;
    return (const uint8_t *)a + NLA_HDRLEN;
}

static void take_number(const struct nlattr *a, uint64_t *out)
{
    const uint8_t *limit, *from = payload(a, &limit);

    if (limit - from != sizeof *out)
        return;
    memcpy(out, from, sizeof *out);
    *out = be64toh(*out);
}

static void take_numbers(const struct nlattr *all, struct system_counter *c)
{
    const uint8_t *limit, *at = payload(all, &limit);

    for (const struct nlattr *a; (a = attribute(at, limit)); at += NLA_ALIGN(a->nla_len)) {
        if ((a->nla_type & NLA_TYPE_MASK) == NFTA_COUNTER_BYTES)
            take_number(a, &c->bytes);
        if ((a->nla_type & NLA_TYPE_MASK) == NFTA_COUNTER_PACKETS)
            take_number(a, &c->packets);
    }
}

static void take_counter(const struct nlmsghdr *m, struct system_counter *c)
{
    const uint8_t *at = (const uint8_t *)m + NLMSG_SPACE(sizeof(struct nfgenmsg));
    const uint8_t *limit = (const uint8_t *)m + m->nlmsg_len;

    memset(c, 0, sizeof *c);
    for (const struct nlattr *a; (a = attribute(at, limit)); at += NLA_ALIGN(a->nla_len)) {
        uint16_t type = a->nla_type & NLA_TYPE_MASK;

        if (type == NFTA_OBJ_NAME)
            snprintf(c->name, sizeof c->name, "%.*s", a->nla_len - NLA_HDRLEN,
                     (const char *)a + NLA_HDRLEN);
        if (type == NFTA_OBJ_DATA)
            take_numbers(a, c);
    }
}

/* One answer of the kernel's. True: more follow. */
static bool take_counters(struct system_checkup *out, const struct nlmsghdr *m, size_t n)
{
    for (; NLMSG_OK(m, n); m = NLMSG_NEXT(m, n)) {
        if (m->nlmsg_type == NLMSG_DONE || m->nlmsg_type == NLMSG_ERROR)
            return false;
        if (m->nlmsg_type == (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWOBJ) &&
            out->n_counters < SYSTEM_COUNTERS)
            take_counter(m, &out->counters[out->n_counters++]);
    }
    return true;
}

void filter_counters(struct system_checkup *out)
{
    const uint32_t kind = htonl(NFT_OBJECT_COUNTER);
    struct batch b = {.n = 0};
    union {
        struct nlmsghdr head;
        uint8_t bytes[ANSWER_MAX];
    } answer;
    ssize_t n = 1;
    int fd;

    out->n_counters = 0;
    begin_table(&b, NFT_MSG_GETOBJ, NLM_F_DUMP);
    put_text(&b, NFTA_OBJ_TABLE, TABLE);
    put(&b, NFTA_OBJ_TYPE, &kind, sizeof kind);
    end(&b);
    fd = ask(&b);
    if (fd < 0)
        return;
    while (n > 0) {
        n = recv(fd, &answer, sizeof answer, 0);
        if (n > 0 && !take_counters(out, &answer.head, (size_t)n))
            break;
    }
    close(fd);
}
