#include "mgmt/launcher/place.h"

#include <sched.h>
#include <sys/resource.h>

#define NICE_BESIDE 5 /* of all that carries no traffic: a third of the data plane's weight */

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
    if (c->role == ROLE_HANDSHAKE && c->index < workers)
        pin_beside_worker(c, workers);
    /* From where the launcher itself stands, which is what the data plane inherits. */
    if (c->role != ROLE_DATAPLANE)
        (void)setpriority(PRIO_PROCESS, (id_t)c->pid, getpriority(PRIO_PROCESS, 0) + NICE_BESIDE);
}
