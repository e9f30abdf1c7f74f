#include "dataplane/record/post.h"

#include <errno.h>

#define MSG_NEW_SESSION_TICKET 4
#define MSG_KEY_UPDATE         24
#define MSG_HEAD               4
#define TICKET_MAX             (64 * 1024)

static uint32_t body_size(const struct post *p)
{
    return (uint32_t)p->head[1] << 16 | (uint32_t)p->head[2] << 8 | p->head[3];
}

/* The head is whole: may this message be, and how does it go on? */
static int judge_head(struct post *p)
{
    uint32_t n = body_size(p);

    if (p->head[0] == MSG_KEY_UPDATE)
        return n == 1 ? 0 : -EPROTO;
    if (p->head[0] != MSG_NEW_SESSION_TICKET || !p->we_are_client || n == 0)
        return -EPROTO;
    if (n > TICKET_MAX)
        return -EMSGSIZE;
    p->skip = n;
    return 0;
}

static int key_update(struct post *p, size_t left)
{
    uint8_t request = p->head[4];

    p->n_head = 0;
    if (request > 1 || left > 0)
        return -EPROTO;
    return request ? POST_KEYUPDATE_REQUESTED : POST_KEYUPDATE;
}

int post_feed(struct post *p, const uint8_t *data, size_t n, size_t *used)
{
    *used = 0;
    while (*used < n) {
        if (p->skip) {
            size_t step = n - *used < p->skip ? n - *used : p->skip;
            *used += step;
            p->skip -= (uint32_t)step;
            if (p->skip == 0) {
                p->n_head = 0;
                return POST_TICKET;
            }
            continue;
        }
        p->head[p->n_head++] = data[(*used)++];
        if (p->n_head == MSG_HEAD) {
            int rc = judge_head(p);
            if (rc)
                return rc;
        } else if (p->n_head == MSG_HEAD + 1) {
            return key_update(p, n - *used);
        }
    }
    return POST_MORE;
}

bool post_idle(const struct post *p)
{
    return p->n_head == 0 && p->skip == 0;
}
