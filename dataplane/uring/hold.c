#include "dataplane/uring/hold.h"

bool hold_put(struct hold *h, unsigned under_way, int fd, unsigned events, uint64_t user_data)
{
    if (under_way < HOLD_FROM || h->n == HOLD_POLLS)
        return false;
    h->poll[h->n] = (struct pollfd){.fd = fd, .events = (short)events};
    h->what[h->n].looks = 0;
    h->what[h->n++].user_data = user_data;
    return true;
}

/* The last one takes its place: their order says nothing. */
static void take_out(struct hold *h, unsigned i)
{
    h->n--;
    h->poll[i] = h->poll[h->n];
    h->what[i] = h->what[h->n];
}

bool hold_drop(struct hold *h, uint64_t user_data)
{
    for (unsigned i = 0; i < h->n; i++) {
        if (h->what[i].user_data != user_data)
            continue;
        take_out(h, i);
        return true;
    }
    return false;
}

bool hold_take(struct hold *h, unsigned looks, struct pollfd *poll, uint64_t *user_data)
{
    for (unsigned i = h->n; i-- > 0;) {
        if (h->what[i].looks < looks)
            continue;
        *poll = h->poll[i];
        *user_data = h->what[i].user_data;
        take_out(h, i);
        return true;
    }
    return false;
}

uint64_t hold_wait_us(const struct hold *h, uint64_t now_us)
{
    if (!h->n)
        return UINT64_MAX;
    return now_us < h->until_us ? h->until_us - now_us : 0;
}

void hold_look(struct hold *h, unsigned under_way, bool alone, uint64_t now_us)
{
    uint64_t pause_us = (uint64_t)under_way * HOLD_EACH_US;
    bool failed = poll(h->poll, h->n, 0) < 0;

    if (pause_us > HOLD_MOST_US)
        pause_us = HOLD_MOST_US;
    h->until_us = now_us + (alone ? pause_us * HOLD_ALONE : pause_us);
    for (unsigned i = 0; i < h->n; i++) {
        h->what[i].looks++;
        if (failed)
            h->poll[i].revents = 0;
    }
}

/* Round and round: nobody waits for those who come later. */
bool hold_next(struct hold *h, uint64_t *user_data, int *events)
{
    for (unsigned k = 0; k < h->n; k++) {
        unsigned i = (h->at + k) % h->n;

        if (!h->poll[i].revents)
            continue;
        *user_data = h->what[i].user_data;
        *events = h->poll[i].revents;
        h->at = i + 1;
        take_out(h, i);
        return true;
    }
    return false;
}

void hold_hurry(struct hold *h)
{
    h->until_us = 0;
}
