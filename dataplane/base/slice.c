#include "dataplane/base/slice.h"

#include <linux/sched/types.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SLICE_NS 100000 /* the shortest the kernel takes */

void slice_short(void)
{
    struct sched_attr a = {.size = sizeof a};

    /* Policy and nice value stay as they are. */
    if (syscall(SYS_sched_getattr, 0, &a, sizeof a, 0))
        return;
    a.size = sizeof a;
    a.sched_runtime = SLICE_NS;
    (void)syscall(SYS_sched_setattr, 0, &a, 0);
}

void slice_give_way(void)
{
    (void)syscall(SYS_sched_yield); /* sched.h can not stand beside the header above */
}
