#include "handshake/keyring/keymem.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <openssl/crypto.h>

#include "dataplane/base/secret.h"

#define SECURE_HEAP       (8u * 1024 * 1024) /* a thousand RSA keys */
#define SECURE_HEAP_PIECE 64

static void wiping_free(void *p, const char *file, int line)
{
    (void)file;
    (void)line;
    if (p)
        secret_wipe(p, malloc_usable_size(p));
    free(p);
}

static void *plain_malloc(size_t n, const char *file, int line)
{
    (void)file;
    (void)line;
    return n ? malloc(n) : NULL;
}

/* realloc() could leave the old bytes behind. */
static void *wiping_realloc(void *p, size_t n, const char *file, int line)
{
    size_t had = p ? malloc_usable_size(p) : 0;
    void *fresh;

    if (!n) {
        wiping_free(p, file, line);
        return NULL;
    }
    if (p && n <= had)
        return p;
    fresh = malloc(n);
    if (!fresh)
        return NULL;
    if (p)
        memcpy(fresh, p, had);
    wiping_free(p, file, line);
    return fresh;
}

/* Keep all pages, of now and later, out of swap; only with the right to lock without a limit. */
static int lock_pages(void)
{
    struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};

    if (setrlimit(RLIMIT_MEMLOCK, &unlimited) || mlockall(MCL_CURRENT | MCL_FUTURE))
        return -errno;
    return 0;
}

int keymem_init(enum keymem_lock *lock, struct err *e)
{
    int all, heap;

    if (!CRYPTO_set_mem_functions(plain_malloc, wiping_realloc, wiping_free))
        return err_set(e, -EBUSY, "openssl", "call keymem_init() first",
                       "its memory functions can not be replaced any more");
    all = lock_pages();
    heap = CRYPTO_secure_malloc_init(SECURE_HEAP, SECURE_HEAP_PIECE); /* 2: it is not locked */
    if (!heap)
        return err_set(e, -ENOMEM, "openssl", "free memory", "no memory for the secure heap");
    *lock = !all ? KEYMEM_ALL_LOCKED : heap == 1 ? KEYMEM_HEAP_LOCKED : KEYMEM_NOT_LOCKED;
    return 0;
}
