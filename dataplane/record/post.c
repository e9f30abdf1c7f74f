#include "dataplane/record/post.h"

#include <errno.h>

#define MSG_NEW_SESSION_TICKET 4
#define MSG_KEY_UPDATE         24
#define MSG_HEAD               4 /* type and 24-bit length */
#define TICKET_MAX             (64 * 1024)
#define BROKEN                 0xff /* n_head after an error: never a count */

static int judge_type(const struct post *p)
{
    if (p->head[0] == MSG_KEY_UPDATE)
        return POST_MORE;
    return p->head[0] == MSG_NEW_SESSION_TICKET && p->we_are_client ? POST_MORE : -EPROTO;
}

static int judge_length(struct post *p)
{
    uint32_t n = (uint32_t)p->head[1] << 16 | (uint32_t)p->head[2] << 8 | p->head[3];

    if (p->head[0] == MSG_KEY_UPDATE)
        return n == 1 ? POST_MORE : -EPROTO;
    if (n == 0)
        return -EPROTO;
    if (n > TICKET_MAX)
        return -EMSGSIZE;
    p->skip = n;
    return POST_MORE;
}

/* left: bytes that follow in the same record; they would be protected by the key just replaced. */
static int judge_key_update(struct post *p, size_t left)
{
    uint8_t request = p->head[4];

    if (request > 1 || left > 0)
        return -EPROTO;
    p->n_head = 0;
    return request ? POST_KEYUPDATE_REQUESTED : POST_KEYUPDATE;
}

static int take_byte(struct post *p, uint8_t byte, size_t left)
{
    p->head[p->n_head++] = byte;
    switch (p->n_head) {
    case 1:
        return judge_type(p);
    case MSG_HEAD:
        return judge_length(p);
    case MSG_HEAD + 1:
        return judge_key_update(p, left);
    default:
        return POST_MORE;
    }
}

static int skip_ticket(struct post *p, size_t n, size_t *used)
{
    size_t step = n - *used < p->skip ? n - *used : p->skip;

    *used += step;
    p->skip -= (uint32_t)step;
    if (p->skip)
        return POST_MORE;
    p->n_head = 0;
    return POST_TICKET;
}

int post_feed(struct post *p, const uint8_t *data, size_t n, size_t *used)
{
    int ev = p->n_head == BROKEN ? -EPROTO : POST_MORE;

    *used = 0;
    while (ev == POST_MORE && *used < n) {
        if (p->skip) {
            ev = skip_ticket(p, n, used);
        } else {
            uint8_t byte = data[(*used)++];
            ev = take_byte(p, byte, n - *used);
        }
    }
    if (ev < 0)
        p->n_head = BROKEN;
    return ev;
}

bool post_idle(const struct post *p)
{
    return p->n_head == 0;
}
