#include "appliance-image/src/units.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define OURS   "05-penstock-" /* before what a credential gives, and before the image's own */
#define OTHERS OURS "~others" /* sorts behind every name */
#define TIME   "10-penstock.conf"

struct out {
    int folder;
    int rc; /* the first failure */
};

/* ---- files ---- */

static FILE *begin(struct out *o, const char *name, const char *ending)
{
    char path[sizeof OURS + NETWORK_NAME + 16];
    int fd;
    FILE *f;

    snprintf(path, sizeof path, "%s%s", name, ending);
    fd = openat(o->folder, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    /* Others read it, whatever the umask. */
    f = fd >= 0 && !fchmod(fd, 0644) ? fdopen(fd, "w") : NULL;
    if (!f) {
        o->rc = o->rc ? o->rc : -errno;
        if (fd >= 0)
            close(fd);
    }
    return f;
}

static void end(struct out *o, FILE *f)
{
    bool bad = ferror(f) != 0;

    if ((fclose(f) || bad) && !o->rc)
        o->rc = -EIO;
}

static FILE *begin_link(struct out *o, const char *link, const char *ending)
{
    char name[sizeof OURS + NETWORK_NAME];

    snprintf(name, sizeof name, OURS "%s", link);
    return begin(o, name, ending);
}

static void clear(struct out *o)
{
    int fd = dup(o->folder);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    struct dirent *at;

    if (!d) {
        o->rc = -errno;
        if (fd >= 0)
            close(fd);
        return;
    }
    rewinddir(d); /* it shares its place with the folder's descriptor */
    while ((at = readdir(d)))
        if (!strncmp(at->d_name, OURS, sizeof OURS - 1) && unlinkat(o->folder, at->d_name, 0))
            o->rc = o->rc ? o->rc : -errno;
    closedir(d);
}

/* ---- the network ---- */

static const char quiet[] = "LLMNR=no\nMulticastDNS=no\nLLDP=no\nEmitLLDP=no\n";

static void write_device(struct out *o, const struct network_link *l)
{
    FILE *f = begin_link(o, l->name, ".netdev");

    if (!f)
        return;
    fprintf(f, "[NetDev]\nName=%s\n", l->name);
    if (l->kind == NETWORK_VLAN)
        fprintf(f, "Kind=vlan\n\n[VLAN]\nId=%u\n", l->vlan);
    else
        fprintf(f, "Kind=bond\n\n[Bond]\nMode=%s\nMIIMonitorSec=100ms\n%s",
                network_mode_words[l->mode],
                l->mode == NETWORK_BACKUP ? "" : "TransmitHashPolicy=layer3+4\n");
    end(o, f);
}

static void write_member(struct out *o, const char *name, const char *bond)
{
    FILE *f = begin_link(o, name, ".network");

    if (!f)
        return;
    fprintf(f,
            "[Match]\nName=%s\n\n[Network]\nBond=%s\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n%s",
            name, bond, quiet);
    end(o, f);
}

/* What is not named has no address: it is up, so that its carrier can be seen. */
static void write_others(struct out *o)
{
    FILE *f = begin(o, OTHERS, ".network");

    if (!f)
        return;
    fprintf(f,
            "[Match]\nType=ether\nKind=!*\n\n[Link]\nRequiredForOnline=no\n\n"
            "[Network]\nDHCP=no\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n%s",
            quiet);
    end(o, f);
}

static bool wants_v6(const struct network_link *l)
{
    bool v6 = l->adverts || l->dhcp >= NETWORK_DHCP_6;

    for (unsigned i = 0; i < l->n_addresses; i++)
        v6 = v6 || l->addresses[i].family == AF_INET6;
    return v6;
}

static void write_network(FILE *f, const struct network *n, const struct network_link *l)
{
    static const char *const dhcp[NETWORK_DHCPS] = {"no", "ipv4", "ipv6", "yes"};
    char text[NETWORK_TEXT];

    fprintf(f, "\n[Network]\nDHCP=%s\nIPv6AcceptRA=%s\nLinkLocalAddressing=%s\n%s", dhcp[l->dhcp],
            l->adverts ? "yes" : "no", wants_v6(l) ? "ipv6" : "no", quiet);
    for (unsigned i = 0; i < l->n_addresses; i++)
        fprintf(f, "Address=%s\n", network_text(&l->addresses[i], true, text));
    for (unsigned i = 0; i < n->n_dns; i++)
        fprintf(f, "DNS=%s\n", network_text(&n->dns[i], false, text));
    for (unsigned i = 0; i < n->n_links; i++)
        if (n->links[i].kind == NETWORK_VLAN && !strcmp(n->links[i].on, l->name))
            fprintf(f, "VLAN=%s\n", n->links[i].name);
}

static void write_link(struct out *o, const struct network *n, const struct network_link *l)
{
    FILE *f = begin_link(o, l->name, ".network");
    char text[NETWORK_TEXT];

    if (!f)
        return;
    fprintf(f, "[Match]\nName=%s\n", l->name);
    if (l->mtu)
        fprintf(f, "\n[Link]\nMTUBytes=%u\n", l->mtu);
    write_network(f, n, l);
    for (unsigned i = 0; i < l->n_routes; i++) {
        fprintf(f, "\n[Route]\nDestination=%s\n", network_text(&l->routes[i].to, true, text));
        fprintf(f, "Gateway=%s\n", network_text(&l->routes[i].via, false, text));
    }
    if (n->n_dns) /* the operator's servers, and no others beside them */
        fprintf(f, "\n[DHCPv4]\nUseDNS=no\n\n[DHCPv6]\nUseDNS=no\n\n[IPv6AcceptRA]\nUseDNS=no\n");
    end(o, f);
}

static int open_folder(const char *folder, struct out *o, struct err *e)
{
    o->rc = 0;
    o->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return o->folder >= 0 ? 0
                          : err_set(e, -errno, "/", "start the appliance again",
                                    "the folder of units can not be opened (%s)", strerror(errno));
}

static int close_folder(struct out *o, struct err *e)
{
    close(o->folder);
    return o->rc ? err_set(e, o->rc, "/", "free memory; start the appliance again",
                           "the units can not be written (%s)", strerror(-o->rc))
                 : 0;
}

int units_network(const char *folder, const struct network *n, struct err *e)
{
    struct out o;
    int rc = open_folder(folder, &o, e);

    if (rc)
        return rc;
    clear(&o);
    for (unsigned i = 0; i < n->n_links; i++) {
        const struct network_link *l = &n->links[i];

        write_link(&o, n, l);
        if (l->kind != NETWORK_ETHERNET)
            write_device(&o, l);
        for (unsigned k = 0; k < l->n_members; k++)
            write_member(&o, l->members[k], l->name);
    }
    if (n->n_links)
        write_others(&o);
    return close_folder(&o, e);
}

/* ---- the time ---- */

int units_time(const char *folder, const struct network_time *t, struct err *e)
{
    struct out o;
    int rc = open_folder(folder, &o, e);
    FILE *f;

    if (rc)
        return rc;
    if (unlinkat(o.folder, TIME, 0) && errno != ENOENT)
        o.rc = -errno;
    f = t->n && !o.rc ? begin(&o, TIME, "") : NULL;
    if (f) {
        fprintf(f, "[Time]\nNTP=");
        for (unsigned i = 0; i < t->n; i++)
            fprintf(f, "%s%s", i ? " " : "", t->servers[i]);
        fprintf(f, "\n");
        end(&o, f);
    }
    return close_folder(&o, e);
}
