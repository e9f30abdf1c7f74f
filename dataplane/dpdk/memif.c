#include "dataplane/dpdk/memif.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_memory.h>
#include "dataplane/base/clock.h"

#define STEP_US 1000

bool memif_is(const struct policy_port *p)
{
    return strncmp(p->device, "net_memif", 9) == 0;
}

bool memif_is_client(const struct policy_port *p)
{
    return memif_is(p) && !strstr(p->device, ",role=server") && !strstr(p->device, ",role=master");
}

static int unmet(const struct policy_port *p, struct err *e, const char *fix, const char *what)
{
    char where[POLICY_NAME_MAX + 32];

    snprintf(where, sizeof where, "/dpdk/ports/%s/device", p->name);
    return err_set(e, -ENOTCONN, where, fix, "%s %s", what, p->device);
}

int memif_nobody(const struct policy_port *p, struct err *e)
{
    return unmet(p, e,
                 "start the process at its other end first, with the other role and the same "
                 "socket and id",
                 "nobody is at the other end of");
}

static bool is_up(uint16_t id)
{
    struct rte_eth_link link = {0};

    return rte_eth_link_get_nowait(id, &link) == 0 && link.link_status;
}

int memif_await(const struct policy_port *p, uint16_t id, unsigned ms, struct err *e)
{
    uint64_t end_ms = clock_mono_ms() + ms;

    while (!is_up(id)) {
        if (clock_mono_ms() >= end_ms)
            return !memif_is_client(p)
                       ? memif_nobody(p, e)
                       : unmet(p, e, "see whether that process runs, and has the same id for it",
                               "no answer from the process at the other end of");
        rte_delay_us_sleep(STEP_US);
    }
    return 0;
}

/* Of each list of segments that has any, the descriptor of its first: its segments share one. */
static int keep_list(const struct rte_memseg_list *msl, void *arg)
{
    struct rte_fbarray *all = (struct rte_fbarray *)(uintptr_t)&msl->memseg_arr;
    struct memif_files *f = arg;
    int first = rte_fbarray_find_next_used(all, 0);
    int fd = first < 0 ? -1
                       : rte_memseg_get_fd_thread_unsafe(rte_fbarray_get(all, (unsigned)first));

    if (fd < 0 || f->n == MEMIF_FILES)
        return 0;
    f->file[f->n].fd = fd;
    f->file[f->n].copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    return f->file[f->n++].copy < 0 ? -1 : 0;
}

int memif_keep(struct memif_files *f)
{
    f->n = 0;
    return rte_memseg_list_walk(keep_list, f) ? -EMFILE : 0;
}

static bool same_file(int a, int b)
{
    struct stat s[2];

    return fstat(a, &s[0]) == 0 && fstat(b, &s[1]) == 0 && s[0].st_dev == s[1].st_dev &&
           s[0].st_ino == s[1].st_ino;
}

int memif_restore(const struct memif_files *f)
{
    for (unsigned i = 0; i < f->n; i++) {
        int fd = f->file[i].fd, copy = f->file[i].copy;

        if (fcntl(fd, F_GETFD) >= 0) {
            if (!same_file(fd, copy))
                return -EBADF;
        } else if (dup3(copy, fd, O_CLOEXEC) < 0) {
            return -errno;
        }
    }
    return 0;
}

void memif_release(struct memif_files *f)
{
    for (unsigned i = 0; i < f->n; i++)
        if (f->file[i].copy >= 0)
            close(f->file[i].copy);
    f->n = 0;
}
