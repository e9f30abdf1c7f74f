#include "dataplane/dpdk/packets.h"

#include <string.h>

void packets_add(struct packets *q, struct pbuf *p)
{
    if (q->first)
        q->last->next = p;
    else
        q->first = p;
    for (; p; p = p->next) {
        q->last = p;
        q->n += p->len;
        q->parts++;
    }
}

static void drop_first(struct packets *q)
{
    struct pbuf *p = q->first;

    q->first = p->next;
    q->at = 0;
    q->parts--;
    p->next = NULL;
    pbuf_free(p);
}

size_t packets_take(struct packets *q, uint8_t *to, size_t n)
{
    size_t done = 0;

    while (q->first && done < n) {
        const struct pbuf *p = q->first;
        size_t left = p->len - q->at, step = n - done < left ? n - done : left;

        if (to)
            memcpy(to + done, (const uint8_t *)p->payload + q->at, step);
        done += step;
        q->at += (uint32_t)step;
        if (q->at == p->len)
            drop_first(q);
    }
    q->n -= done;
    return done;
}
