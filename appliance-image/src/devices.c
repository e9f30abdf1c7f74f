#include "appliance-image/src/devices.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "appliance-image/src/binding.h"
#include "appliance-image/src/sysfs.h"
#include "dataplane/base/check.h"

#define CLASS_NETWORK 0x02
#define CLASS_BRIDGE  0x0604 /* PCI to PCI */
#define FIX_LIST      "give one that GET system/devices (penstockctl devices) shows"

/* The kernel's drivers of the cards that the image's DPDK drives too; vfio-pci: it is given. */
static const char *const known[] = {"virtio-pci", "vmxnet3", "ena",         "e1000",   "e1000e",
                                    "igb",        "igc",     "ixgbe",       "ixgbevf", "i40e",
                                    "iavf",       "ice",     BINDING_DRIVER};

/* ---- what the kernel says of one ---- */

/* "0000:03:00.0" */
static bool is_address(const char *a)
{
    static const char form[] = "xxxx:xx:xx.x";

    if (strlen(a) != sizeof form - 1)
        return false;
    for (size_t i = 0; form[i]; i++)
        if (form[i] == 'x' ? !strchr("0123456789abcdef", a[i]) : a[i] != form[i])
            return false;
    return true;
}

static unsigned long number(const struct devices *d, const char *address, const char *what)
{
    char text[SYSFS_TEXT];

    return sysfs_read(text, "%s/bus/pci/devices/%s/%s", d->sys, address, what)
               ? 0
               : strtoul(text, NULL, 16);
}

struct search {
    const struct devices *d;
    const char *address; /* of the device that is looked at */
    char found[SYSFS_TEXT];
    bool seen;                                                 /* the device itself */
    bool (*wanted)(const struct devices *d, const char *name); /* NULL: the first one */
};

static bool take_interface(void *arg, const char *name)
{
    struct search *s = arg;

    if (s->wanted && !s->wanted(s->d, name))
        return true;
    snprintf(s->found, sizeof s->found, "%.*s", NETWORK_NAME - 1, name);
    return false;
}

static bool look_below(void *arg, const char *name)
{
    struct search *s = arg;

    return strncmp(name, "virtio", 6) != 0 ||
           sysfs_each(take_interface, s, "%s/bus/pci/devices/%s/%s/net", s->d->sys, s->address,
                      name);
}

/* The first interface of the device that is wanted; "": none. */
static const char *find_interface(struct search *s)
{
    if (sysfs_each(take_interface, s, "%s/bus/pci/devices/%s/net", s->d->sys, s->address))
        sysfs_each(look_below, s, "%s/bus/pci/devices/%s", s->d->sys, s->address);
    return s->found;
}

static void look(const struct devices *d, const char *address, struct system_device *out)
{
    struct search any = {.d = d, .address = address};
    char group[SYSTEM_WORD];

    memset(out, 0, sizeof *out);
    snprintf(out->address, sizeof out->address, "%s", address);
    out->vendor = (uint16_t)number(d, address, "vendor");
    out->device = (uint16_t)number(d, address, "device");
    sysfs_link(out->driver, sizeof out->driver, "%s/bus/pci/devices/%s/driver", d->sys, address);
    sysfs_link(group, sizeof group, "%s/bus/pci/devices/%s/iommu_group", d->sys, address);
    snprintf(out->interface, sizeof out->interface, "%.*s", NETWORK_NAME - 1, find_interface(&any));
    out->grouped = group[0] != '\0';
    out->group = (uint32_t)strtoul(group, NULL, 10);
    out->given = !strcmp(out->driver, BINDING_DRIVER);
}

/* ---- may it be given? ---- */

/* A driver for it: one that DPDK has instead, or none yet. */
static int judge_driver(const struct system_device *at, struct err *e)
{
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (!at->driver[0] || !strcmp(at->driver, known[i]))
            return 0;
    return err_set(e, -EPERM, at->address,
                   "use the engine \"auto\", \"ktls\" or \"soft\" over this card",
                   "the DPDK engine has no driver for it (the kernel's is %s)", at->driver);
}

static bool is_alone(void *arg, const char *name)
{
    struct search *s = arg;

    if (!strcmp(name, s->address))
        s->seen = true;
    if (!strcmp(name, s->address) || number(s->d, name, "class") >> 8 == CLASS_BRIDGE)
        return true;
    snprintf(s->found, sizeof s->found, "%.*s", (int)sizeof s->found - 1, name);
    return false;
}

/* Without an IOMMU of its own it could write to any memory, or to another's. */
static int judge_group(const struct devices *d, const struct system_device *at, struct err *e)
{
    struct search others = {.d = d, .address = at->address};
    char name[SYSFS_TEXT] = "";

    if (at->grouped)
        (void)sysfs_read(name, "%s/kernel/iommu_groups/%u/name", d->sys, at->group);
    if (!at->grouped || !strcmp(name, "vfio-noiommu"))
        return err_set(e, -EPERM, at->address,
                       "switch on VT-d, AMD-Vi or the virtual machine's IOMMU, or use the engine "
                       "\"auto\", \"ktls\" or \"soft\"",
                       "no IOMMU keeps it from the machine's memory");
    if (!sysfs_each(is_alone, &others, "%s/kernel/iommu_groups/%u/devices", d->sys, at->group))
        return err_set(e, -EPERM, at->address,
                       "move the card to another slot, or switch on ACS in the firmware",
                       "it can reach %s, which is in its IOMMU group %u", others.found, at->group);
    if (!others.seen)
        return err_set(e, -EPERM, at->address, "see the appliance's support bundle",
                       "who is in its IOMMU group %u can not be read", at->group);
    return 0;
}

static bool names(const struct network *n, const char *interface)
{
    for (unsigned i = 0; i < n->n_links; i++) {
        if (!strcmp(n->links[i].name, interface))
            return true;
        for (unsigned k = 0; k < n->links[i].n_members; k++)
            if (!strcmp(n->links[i].members[k], interface))
                return true;
    }
    return false;
}

static bool is_kept(const struct devices *d, const char *interface)
{
    return names(d->running, interface) || names(d->saved, interface);
}

/* What the settings name is the appliance's own; without settings, every interface is. */
static int judge_use(const struct devices *d, const struct system_device *at, struct err *e)
{
    struct search own = {.d = d, .address = at->address, .wanted = is_kept};

    if (!at->interface[0])
        return 0;
    if (!d->running->n_links || !d->saved->n_links)
        return err_set(
            e, -EBUSY, at->address,
            "set system/network first: it names the interfaces that the appliance keeps",
            "the appliance uses all interfaces itself as long as its network is not set, "
            "%s among them",
            at->interface);
    if (find_interface(&own)[0])
        return err_set(e, -EBUSY, at->address, "take it out of system/network first",
                       "the appliance uses it itself: system/network names %s", own.found);
    return 0;
}

static int judge_found(const struct devices *d, const struct system_device *at, struct err *e)
{
    int rc = judge_driver(at, e);

    if (!rc)
        rc = judge_group(d, at, e);
    return rc ? rc : judge_use(d, at, e);
}

int devices_judge(const struct devices *d, const char *address, struct err *e)
{
    struct system_device at;
    unsigned long class;

    if (!is_address(address))
        return err_set(e, -EINVAL, address, "give one in the form 0000:03:00.0, in lower case",
                       "is no PCI address");
    class = number(d, address, "class");
    if (!class)
        return err_set(e, -ENODEV, address, FIX_LIST, "the machine has no such device");
    if (class >> 16 != CLASS_NETWORK)
        return err_set(e, -EPERM, address, FIX_LIST, "is no network card (class %06lx)", class);
    look(d, address, &at);
    return judge_found(d, &at, e);
}

/* ---- all of them ---- */

struct listing {
    const struct devices *d;
    struct system_devices *out;
};

static bool add(void *arg, const char *name)
{
    struct listing *l = arg;
    struct system_device *at = &l->out->devices[l->out->n];
    struct err e;

    if (!is_address(name) || number(l->d, name, "class") >> 16 != CLASS_NETWORK)
        return true;
    look(l->d, name, at);
    if (judge_found(l->d, at, &e))
        snprintf(at->why, sizeof at->why, "%.*s", (int)sizeof at->why - 1, e.what);
    return ++l->out->n < SYSTEM_DEVICES_MAX;
}

static int by_address(const void *a, const void *b)
{
    const struct system_device *x = a, *y = b;

    return strcmp(x->address, y->address);
}

void devices_list(const struct devices *d, struct system_devices *out)
{
    struct listing l = {d, out};

    memset(out, 0, sizeof *out);
    sysfs_each(add, &l, "%s/bus/pci/devices", d->sys);
    qsort(out->devices, out->n, sizeof out->devices[0], by_address);
    out->huge_mb = binding_memory(d);
}

/* ---- giving ---- */

static bool is_wanted(const struct system_give *want, const char *address)
{
    for (unsigned i = 0; i < want->n; i++)
        if (!strcmp(want->devices[i], address))
            return true;
    return false;
}

/* Back to the kernel's own drivers: those that are given now, were not given before, and are not
 * wanted. */
static void take_back(const struct devices *d, const struct system_devices *before,
                      const struct system_give *want)
{
    for (unsigned i = 0; i < before->n; i++)
        if (before->devices[i].given && !is_wanted(want, before->devices[i].address))
            binding_undo(d, before->devices[i].address);
}

int devices_give(const struct devices *d, const struct system_give *want, struct err *e)
{
    static struct system_devices before;
    unsigned given = 0;
    int rc = 0;

    devices_list(d, &before);
    for (unsigned i = 0; i < want->n && !rc; i++)
        rc = devices_judge(d, want->devices[i], e);
    if (!rc)
        rc = binding_reserve(d, want->huge_mb, e);
    if (rc)
        return rc;
    while (given < want->n && !rc) {
        rc = binding_do(d, want->devices[given], e);
        given += !rc;
    }
    if (!rc) {
        take_back(d, &before, want);
        return 0;
    }
    for (unsigned i = 0; i < before.n; i++) /* those that were the kernel's are again */
        for (unsigned k = 0; k < given; k++)
            if (!before.devices[i].given && !strcmp(before.devices[i].address, want->devices[k]))
                binding_undo(d, want->devices[k]);
    (void)binding_reserve(d, before.huge_mb, &(struct err){.what = ""});
    return rc;
}
