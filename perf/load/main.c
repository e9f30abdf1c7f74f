/*
 * penstock-load: a load generator for mTLS gateways, Penstock or any other, and the plain backend
 * behind them. perf/README.md says how to use it and what each figure means.
 */
#include "perf/load/load.h"

int main(int argc, char *argv[])
{
    return load_main(argc, argv);
}
