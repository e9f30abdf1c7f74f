#include "dataplane/wire/facts.h"

#include <string.h>
#include "dataplane/wire/codec.h"
#include "dataplane/wire/suite.h"

void peer_facts_put(struct buf *b, const struct peer_facts *f)
{
    buf_put_bytes(b, f->chain_sha256, sizeof f->chain_sha256);
    buf_put_bytes(b, f->cert_sha256, sizeof f->cert_sha256);
    buf_put_bytes(b, f->spki_sha256, sizeof f->spki_sha256);
    buf_put_str(b, f->name);
    buf_put_str(b, f->common_name);
    buf_put_str(b, f->serial);
    buf_put_str(b, f->key_alg);
    buf_put_str(b, f->sig_alg);
    buf_put_u64(b, (uint64_t)f->not_after);
    buf_put_u64(b, (uint64_t)f->until);
    buf_put_u16(b, f->rule);
}

void peer_facts_get(struct buf *b, struct peer_facts *f)
{
    memset(f, 0, sizeof *f);
    codec_get_array(b, f->chain_sha256, sizeof f->chain_sha256);
    codec_get_array(b, f->cert_sha256, sizeof f->cert_sha256);
    codec_get_array(b, f->spki_sha256, sizeof f->spki_sha256);
    buf_get_str(b, f->name, sizeof f->name);
    buf_get_str(b, f->common_name, sizeof f->common_name);
    buf_get_str(b, f->serial, sizeof f->serial);
    buf_get_str(b, f->key_alg, sizeof f->key_alg);
    buf_get_str(b, f->sig_alg, sizeof f->sig_alg);
    f->not_after = (int64_t)buf_get_u64(b);
    f->until = (int64_t)buf_get_u64(b);
    f->rule = buf_get_u16(b);
}

void negotiated_put(struct buf *b, const struct negotiated *n)
{
    buf_put_u16(b, n->version);
    buf_put_u16(b, n->suite);
    buf_put_str(b, n->group);
    buf_put_str(b, n->sig_scheme);
    buf_put_str(b, n->alpn);
    buf_put_str(b, n->server_name);
}

void negotiated_get(struct buf *b, struct negotiated *n)
{
    const struct suite *suite;

    memset(n, 0, sizeof *n);
    n->version = buf_get_u16(b);
    n->suite = buf_get_u16(b);
    suite = suite_by_id(n->suite);
    if (!suite || suite->version != n->version)
        b->bad = true;
    buf_get_str(b, n->group, sizeof n->group);
    buf_get_str(b, n->sig_scheme, sizeof n->sig_scheme);
    buf_get_str(b, n->alpn, sizeof n->alpn);
    buf_get_str(b, n->server_name, sizeof n->server_name);
}
