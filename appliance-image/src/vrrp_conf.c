#include "appliance-image/src/vrrp_conf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void put_global(FILE *out, const char *folder)
{
    fprintf(out,
            "global_defs {\n"
            "    router_id penstock\n"
            "    vrrp_version 3\n"
            "    vrrp_garp_master_delay 1\n"
            "    vrrp_notify_fifo \"%s/" VRRP_CONF_FIFO "\"\n"
            "    fifo_write_vrrp_states_on_reload\n"
            "    max_auto_priority -1\n"
            "}\n"
            "track_file gateway {\n"
            "    file \"%s/" VRRP_CONF_HEALTH "\"\n"
            "    weight 0\n"
            "}\n",
            folder, folder);
}

static void put_unicast(FILE *out, const struct vrrp_set *s)
{
    char text[VRRP_TEXT_MAX];

    if (!s->peer.family)
        return;
    fprintf(out, "    unicast_src_ip %s\n", vrrp_address_text(&s->source, text));
    fprintf(out, "    unicast_peer {\n        %s\n    }\n    check_unicast_src\n",
            vrrp_address_text(&s->peer, text));
}

/* Addresses of the instance's family, or the others, which an advertisement does not name. */
static void put_addresses(FILE *out, const struct vrrp_set *s, bool own)
{
    char text[VRRP_TEXT_MAX];
    bool any = false;

    for (unsigned i = 0; i < s->n_addresses; i++) {
        const struct vrrp_address *a = &s->addresses[i];

        if ((a->family == s->addresses[0].family) != own)
            continue;
        if (!any)
            fprintf(out, "    virtual_ipaddress%s {\n", own ? "" : "_excluded");
        fprintf(out, "        %s/%u dev %s\n", vrrp_address_text(a, text), a->bits, s->interface);
        any = true;
    }
    if (any)
        fprintf(out, "    }\n");
}

static void put_instance(FILE *out, const struct vrrp_set *s)
{
    fprintf(out,
            "vrrp_instance penstock {\n"
            "    state BACKUP\n"
            "    interface %s\n"
            "    virtual_router_id %u\n"
            "    priority %u\n"
            "    advert_int %u.%02u\n",
            s->interface, s->router, s->priority, s->interval_ms / 1000,
            s->interval_ms % 1000 / 10);
    if (!s->preempt)
        fprintf(out, "    nopreempt\n");
    put_unicast(out, s);
    put_addresses(out, s, true);
    put_addresses(out, s, false);
    fprintf(out, "    track_file {\n        gateway\n    }\n}\n");
}

char *vrrp_conf_text(const struct vrrp_set *s, const char *folder)
{
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);

    if (!out)
        return NULL;
    put_global(out, folder);
    put_instance(out, s);
    if (!fclose(out))
        return text;
    free(text);
    return NULL;
}

static int write_all(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600), rc = 0;
    size_t n = strlen(text);

    if (fd < 0)
        return -errno;
    if (write(fd, text, n) != (ssize_t)n)
        rc = errno ? -errno : -EIO;
    return close(fd) && !rc ? -errno : rc;
}

int vrrp_conf_write(const char *folder, const char *name, const char *text, struct err *e)
{
    char path[512], made[520];
    int rc;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    snprintf(made, sizeof made, "%s.new", path);
    rc = write_all(made, text);
    if (!rc && rename(made, path))
        rc = -errno;
    return rc ? err_set(e, rc, path, "free memory below /run", "can not be written (%s)",
                        strerror(-rc))
              : 0;
}
