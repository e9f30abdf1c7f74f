/* pool: is memory bounded, lazy and wiped, and is a stale id told from a live one? */
#include "dataplane/base/pool.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/test.h"

struct thing {
    uint8_t bytes[100];
};

/* Resident memory of this process in KiB. */
static long resident_kib(void)
{
    FILE *f = fopen("/proc/self/statm", "r");
    long total = 0, resident = 0;

    if (!f || fscanf(f, "%ld %ld", &total, &resident) != 2)
        resident = -1;
    if (f)
        fclose(f);
    return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

TEST("an idle pool of 100,000 slots costs no memory, and one object a page or so")
{
    long before = resident_kib(), idle, one;
    struct pool p;
    uint8_t *obj;

    EXPECT(pool_init(&p, 4096, 100000) == 0);
    idle = resident_kib();
    obj = pool_get(&p);
    EXPECT(obj != NULL);
    memset(obj, 1, 4096);
    one = resident_kib();
    EXPECT(before > 0 && idle - before < 512);
    EXPECT(one - idle < 8192); /* at most huge pages, where the kernel gives them */
    pool_fini(&p);
}

TEST("a pool gives as many objects as it has, all apart and aligned, and then none")
{
    struct thing *obj[10];
    struct pool p;

    EXPECT(pool_init(&p, sizeof(struct thing), 10) == 0);
    for (uint32_t i = 0; i < 10; i++) {
        obj[i] = pool_get(&p);
        EXPECT(obj[i] && (uintptr_t)obj[i] % 64 == 0);
        EXPECT(pool_slot(&p, obj[i]) == i);
        memset(obj[i], 0xff, sizeof(*obj[i]));
        EXPECT(i == 0 || (uint8_t *)obj[i] - (uint8_t *)obj[i - 1] >= (long)sizeof(*obj[i]));
    }
    EXPECT(p.used == 10 && pool_get(&p) == NULL);
    pool_put(&p, obj[4]);
    EXPECT(p.used == 9 && pool_get(&p) == obj[4] && pool_get(&p) == NULL);
    pool_fini(&p);
}

TEST("an object given back is wiped at once and zero when it comes again")
{
    struct thing zero = {0}, *obj;
    struct pool p;

    EXPECT(pool_init(&p, sizeof(*obj), 3) == 0);
    obj = pool_get(&p);
    EXPECT(!memcmp(obj, &zero, sizeof(zero)));
    memset(obj, 0xaa, sizeof(*obj));
    pool_put(&p, obj);
    EXPECT(!memcmp(obj, &zero, sizeof(zero)));
    EXPECT(pool_get(&p) == obj && !memcmp(obj, &zero, sizeof(zero)));
    pool_fini(&p);
}

TEST("an id from before a slot was given back finds nothing")
{
    struct thing *obj;
    uint16_t gen, again;
    struct pool p;

    EXPECT(pool_init(&p, sizeof(*obj), 3) == 0);
    obj = pool_get(&p);
    gen = pool_gen(&p, obj);
    EXPECT(pool_at(&p, 0, gen) == obj && pool_any(&p, 0) == obj);
    pool_put(&p, obj);
    EXPECT(pool_at(&p, 0, gen) == NULL && pool_any(&p, 0) == NULL);
    EXPECT(pool_at(&p, 0, (uint16_t)(gen + 1)) == NULL); /* the generation of a free slot */
    EXPECT(pool_get(&p) == obj);
    again = pool_gen(&p, obj);
    EXPECT(again != gen && pool_at(&p, 0, gen) == NULL && pool_at(&p, 0, again) == obj);
    pool_fini(&p);
}

TEST("a slot that does not exist, or was never used, finds nothing")
{
    struct pool p;

    EXPECT(pool_init(&p, 8, 3) == 0);
    EXPECT(pool_at(&p, 2, 0) == NULL && pool_at(&p, 2, 1) == NULL && pool_any(&p, 2) == NULL);
    EXPECT(pool_at(&p, 3, 1) == NULL && pool_any(&p, 3) == NULL);
    EXPECT(pool_at(&p, UINT32_MAX, 1) == NULL && pool_any(&p, UINT32_MAX) == NULL);
    pool_fini(&p);
}

TEST("generations wrap around and stay odd while in use")
{
    struct pool p;
    void *obj;

    EXPECT(pool_init(&p, 8, 1) == 0);
    for (int i = 0; i < 40000; i++) {
        obj = pool_get(&p);
        if (!obj || !(pool_gen(&p, obj) & 1)) {
            EXPECT(!"a generation in use is odd");
            break;
        }
        pool_put(&p, obj);
    }
    EXPECT(p.used == 0);
    pool_fini(&p);
}

TEST("sizes that make no sense or do not fit are refused")
{
    struct pool p;

    EXPECT(pool_init(&p, 0, 1) == -EINVAL);
    EXPECT(pool_init(&p, 1, 0) == -EINVAL);
    EXPECT(pool_init(&p, SIZE_MAX, 1) == -ENOMEM);
    EXPECT(pool_init(&p, SIZE_MAX / 4, 1000) == -ENOMEM);
    EXPECT(pool_init(&p, (size_t)1 << 46, 1000) == -ENOMEM);
}

/* How a child ends that does `misuse` with a pool of two. */
static int end_of(void (*misuse)(struct pool *p))
{
    struct rlimit no_core = {0, 0};
    int status = 0;
    struct pool p;
    pid_t pid;

    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        setrlimit(RLIMIT_CORE, &no_core);
        close(STDERR_FILENO);
        if (pool_init(&p, 64, 2) == 0)
            misuse(&p);
        _exit(0);
    }
    waitpid(pid, &status, 0);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void put_twice(struct pool *p)
{
    void *obj = pool_get(p);

    pool_put(p, obj);
    pool_put(p, obj);
}

static void put_middle(struct pool *p)
{
    pool_put(p, (uint8_t *)pool_get(p) + 1);
}

static void put_foreign(struct pool *p)
{
    pool_put(p, p);
}

TEST("giving back an object twice, from its middle, or from elsewhere ends the process")
{
    EXPECT(end_of(put_twice) == SIGABRT);
    EXPECT(end_of(put_middle) == SIGABRT);
    EXPECT(end_of(put_foreign) == SIGABRT);
}

int main(void)
{
    return test_run();
}
