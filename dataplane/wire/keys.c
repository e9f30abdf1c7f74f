#include "dataplane/wire/keys.h"

#include <string.h>
#include "dataplane/base/secret.h"
#include "dataplane/wire/codec.h"

void traffic_keys_move(struct traffic_keys *dst, struct traffic_keys *src)
{
    secret_move(dst, src, sizeof *dst);
}

void traffic_keys_wipe(struct traffic_keys *k)
{
    secret_wipe(k, sizeof *k);
}

void traffic_keys_put(struct buf *b, const struct traffic_keys *k)
{
    if (!k->suite) { /* empty keys are not for sending */
        b->bad = true;
        return;
    }
    buf_put_u16(b, k->suite->id);
    buf_put_u64(b, k->seq);
    if (k->suite->version == TLS13) {
        buf_put_bytes(b, k->secret, k->suite->hash_len);
    } else {
        buf_put_bytes(b, k->key, k->suite->key_len);
        buf_put_bytes(b, k->iv, k->suite->iv_len);
    }
}

void traffic_keys_get(struct buf *b, struct traffic_keys *k)
{
    memset(k, 0, sizeof *k);
    k->suite = suite_by_id(buf_get_u16(b));
    if (!k->suite) {
        b->bad = true;
        return;
    }
    k->seq = buf_get_u64(b);
    if (k->suite->version == TLS13) {
        codec_get_array(b, k->secret, k->suite->hash_len);
    } else {
        codec_get_array(b, k->key, k->suite->key_len);
        codec_get_array(b, k->iv, k->suite->iv_len);
    }
    if (!buf_ok(b))
        traffic_keys_wipe(k);
}
