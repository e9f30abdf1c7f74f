/*
 * penstock-load-dpdk: penstock-load over two Ethernet ports of DPDK, clients and backend in one
 * process: what loads the DPDK engine on a machine without a network card, through net_memif.
 */
#include "perf/dpdk/netports.h"
#include "perf/load/load.h"

int main(int argc, char *argv[])
{
    int used = netports_options(argc, argv);

    if (used < 0)
        return 2;
    argv[used] = argv[0];
    return load_main(argc - used, argv + used);
}
