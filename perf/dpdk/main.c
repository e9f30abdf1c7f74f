/*
 * penstock-load-dpdk: penstock-load over two Ethernet ports of DPDK, clients and backend in one
 * process: what loads the DPDK engine on a machine without a network card, through net_memif.
 */
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include "perf/dpdk/netports.h"
#include "perf/load/load.h"

/*
 * A process that polls must not outlive whoever started it, nor keep a processor from everybody
 * else: it ends with its parent and by SIGTERM, whatever was inherited, and real-time priority is
 * given up.
 */
static void tame(void)
{
    static const struct sched_param plain = {0};
    sigset_t none;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGTERM, SIG_DFL);
    signal(SIGINT, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (sched_getscheduler(0) != SCHED_OTHER)
        sched_setscheduler(0, SCHED_OTHER, &plain);
}

int main(int argc, char *argv[])
{
    int used = netports_options(argc, argv);

    if (used < 0)
        return 2;
    tame();
    argv[used] = argv[0];
    return load_main(argc - used, argv + used);
}
