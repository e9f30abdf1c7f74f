/*
 * penstock-network KEPT NETWORK-UNITS TIME-UNITS: at the start of the machine, before its network:
 * the units of the settings that are kept (settings.h).
 *
 * Why: apart from the helper, which may fail and wait for much; the network must not.
 */
#include <stdio.h>

#include "appliance-image/src/settings.h"
#include "dataplane/base/log.h"

int main(int argc, char **argv)
{
    static struct settings s;
    char text[1100];
    struct err e;
    int rc;

    log_init("network", LOG_INFO);
    if (argc != 4) {
        fprintf(stderr, "usage: penstock-network KEPT NETWORK-UNITS TIME-UNITS\n");
        return 2;
    }
    rc = settings_open(&s, argv[1], argv[2], argv[3], &e);
    if (rc)
        fprintf(stderr, "penstock-network: %s\n", err_text(&e, text, sizeof text));
    return rc < 0;
}
