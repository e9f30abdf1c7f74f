#include "dataplane/wire/control.h"

#include "dataplane/wire/codec.h"

void control_put_channel(struct buf *b, const struct control_channel *m)
{
    buf_put_u8(b, m->kind);
    buf_put_u16(b, m->index);
}

int control_get_channel(struct buf *b, struct control_channel *m)
{
    m->kind = codec_get_upto(b, CHANNEL_KINDS - 1);
    m->index = buf_get_u16(b);
    return codec_done(b);
}

void control_put_attach(struct buf *b, const struct control_attach *m)
{
    buf_put_u64(b, m->revision);
    buf_put_u8(b, m->kind);
    buf_put_u32(b, m->index);
    buf_put_u32(b, m->token);
}

int control_get_attach(struct buf *b, struct control_attach *m)
{
    m->revision = buf_get_u64(b);
    m->kind = codec_get_upto(b, ATTACH_KINDS - 1);
    m->index = buf_get_u32(b);
    m->token = buf_get_u32(b);
    return codec_done(b);
}

void control_put_number(struct buf *b, uint64_t v)
{
    buf_put_u64(b, v);
}

int control_get_number(struct buf *b, uint64_t *v)
{
    *v = buf_get_u64(b);
    return codec_done(b);
}

void control_put_load(struct buf *b, const struct control_load *m)
{
    buf_put_u64(b, m->revision);
    buf_put_u8(b, m->resume);
    buf_put_str(b, m->name);
}

int control_get_load(struct buf *b, struct control_load *m)
{
    m->revision = buf_get_u64(b);
    m->resume = codec_get_bool(b);
    buf_get_str(b, m->name, sizeof m->name);
    return codec_done(b);
}

void control_put_open(struct buf *b, const struct control_open *m)
{
    buf_put_u32(b, m->token);
    buf_put_u8(b, m->kind);
    buf_put_str(b, m->path);
}

int control_get_open(struct buf *b, struct control_open *m)
{
    m->token = buf_get_u32(b);
    m->kind = codec_get_upto(b, OPEN_TOKEN);
    buf_get_str(b, m->path, sizeof m->path);
    return codec_done(b);
}

void control_put_result(struct buf *b, const struct control_result *m)
{
    buf_put_u32(b, m->token);
    buf_put_u32(b, (uint32_t)m->error);
}

int control_get_result(struct buf *b, struct control_result *m)
{
    m->token = buf_get_u32(b);
    m->error = codec_get_errno(b);
    return codec_done(b);
}

void control_put_refused(struct buf *b, const struct control_refused *m)
{
    buf_put_u64(b, m->revision);
    buf_put_str(b, m->err.where);
    buf_put_str(b, m->err.what);
    buf_put_str(b, m->err.fix);
}

int control_get_refused(struct buf *b, struct control_refused *m)
{
    m->revision = buf_get_u64(b);
    buf_get_str(b, m->err.where, sizeof m->err.where);
    buf_get_str(b, m->err.what, sizeof m->err.what);
    buf_get_str(b, m->err.fix, sizeof m->err.fix);
    return codec_done(b);
}

void control_put_dial(struct buf *b, const struct control_dial *m)
{
    buf_put_u32(b, m->token);
    codec_put_addr(b, &m->addr);
}

int control_get_dial(struct buf *b, struct control_dial *m)
{
    m->token = buf_get_u32(b);
    codec_get_addr_optional(b, &m->addr);
    return codec_done(b);
}

void control_put_call(struct buf *b, const struct control_call *m)
{
    buf_put_str(b, m->link);
}

int control_get_call(struct buf *b, struct control_call *m)
{
    buf_get_str(b, m->link, sizeof m->link);
    return codec_done(b);
}
