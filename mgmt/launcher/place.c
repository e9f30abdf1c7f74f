#include "mgmt/launcher/place.h"

#include <sched.h>
#include <sys/resource.h>

#define NICE_HANDSHAKE 5

static void pin_beside_worker(const struct child *c, unsigned workers)
{
    unsigned skip = c->index;
    cpu_set_t all, one;

    CPU_ZERO(&all);
    if (sched_getaffinity(0, sizeof(all), &all) || workers > (unsigned)CPU_COUNT(&all))
        return;
    for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &all) || skip--)
            continue;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        (void)sched_setaffinity(c->pid, sizeof(one), &one);
        return;
    }
}

void place_child(const struct child *c, unsigned workers)
{
    if (c->role == ROLE_HANDSHAKE)
        pin_beside_worker(c, workers);
    if (c->role == ROLE_HANDSHAKE || c->role == ROLE_JUDGE)
        (void)setpriority(PRIO_PROCESS, (id_t)c->pid, NICE_HANDSHAKE);
}
