#include "dataplane/wire/keywire.h"

#include <errno.h>
#include <string.h>

void keywire_put_sign(struct buf *b, const struct keywire_sign *m)
{
    buf_put_u32(b, m->request);
    buf_put_u64(b, m->revision);
    buf_put_u16(b, m->identity);
    buf_put_u16(b, m->scheme);
    buf_put_blob(b, m->content, m->n_content);
}

int keywire_get_sign(struct buf *b, struct keywire_sign *m)
{
    memset(m, 0, sizeof *m);
    m->request = buf_get_u32(b);
    m->revision = buf_get_u64(b);
    m->identity = buf_get_u16(b);
    m->scheme = buf_get_u16(b);
    m->content = buf_get_blob(b, KEYWIRE_CONTENT_MAX, &m->n_content);
    return buf_done(b) ? 0 : -EPROTO;
}

void keywire_put_signed(struct buf *b, const struct keywire_signed *m)
{
    buf_put_u32(b, m->request);
    buf_put_u32(b, (uint32_t)m->error);
    buf_put_blob(b, m->signature, m->n_signature);
}

int keywire_get_signed(struct buf *b, struct keywire_signed *m)
{
    memset(m, 0, sizeof *m);
    m->request = buf_get_u32(b);
    m->error = (int32_t)buf_get_u32(b);
    m->signature = buf_get_blob(b, KEYWIRE_SIGNATURE_MAX, &m->n_signature);
    if (m->error < 0 || (m->error && m->n_signature) || (!m->error && !m->n_signature))
        b->bad = true;
    return buf_done(b) ? 0 : -EPROTO;
}
