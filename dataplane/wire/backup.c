#include "dataplane/wire/backup.h"

#include <errno.h>
#include <string.h>
#include "dataplane/wire/codec.h"

static const uint8_t magic[8] = {'P', 'E', 'N', 'S', 'T', 'B', 'A', 'K'};

void backup_put_head(struct buf *b, const struct backup_head *h)
{
    buf_put_bytes(b, magic, sizeof magic);
    buf_put_u8(b, h->version);
    buf_put_u8(b, h->log2_n);
    buf_put_u8(b, h->r);
    buf_put_u8(b, h->p);
    buf_put_bytes(b, h->salt, sizeof h->salt);
}

int backup_get_head(struct buf *b, struct backup_head *h)
{
    const uint8_t *begins = buf_get_bytes(b, sizeof magic);

    if (!begins || memcmp(begins, magic, sizeof magic))
        return -EBADMSG;
    h->version = buf_get_u8(b);
    h->log2_n = buf_get_u8(b);
    h->r = buf_get_u8(b);
    h->p = buf_get_u8(b);
    codec_get_array(b, h->salt, sizeof h->salt);
    if (!buf_done(b))
        return -EBADMSG;
    if (h->version != BACKUP_VERSION)
        return -EPROTONOSUPPORT;
    if (h->log2_n < BACKUP_LOG2_N_MIN || h->log2_n > BACKUP_LOG2_N_MAX || h->r != BACKUP_R ||
        h->p < 1 || h->p > BACKUP_P_MAX)
        return -E2BIG;
    return 0;
}
