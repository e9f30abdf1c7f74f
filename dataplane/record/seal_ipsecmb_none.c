/* Machines without Intel's multi-buffer library: EVP does everything. */
#include "dataplane/record/seal.h"
#include "dataplane/record/start.h"

int seal_ipsecmb_start(void)
{
    return 0;
}

const struct seal_ops *seal_ipsecmb(enum aead aead)
{
    (void)aead;
    return NULL;
}
