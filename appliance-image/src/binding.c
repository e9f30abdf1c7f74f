#include "appliance-image/src/binding.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "appliance-image/src/sysfs.h"
#include "dataplane/base/log.h"

#define PCI       "%s/bus/pci/devices/%s"
#define PAGES     "%s/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"
#define PAGE_MB   2
#define NO_DRIVER "\n" /* what takes an override away */

/* ---- drivers ---- */

static void driver_of(const struct devices *d, const char *address, char out[SYSFS_TEXT])
{
    sysfs_link(out, SYSFS_TEXT, PCI "/driver", d->sys, address);
}

/* From the driver that it has to the one named, or with NO_DRIVER to the kernel's own. */
static int rebind(const struct devices *d, const char *address, const char *driver)
{
    char now[SYSFS_TEXT];
    int rc = sysfs_write(driver, PCI "/driver_override", d->sys, address);

    driver_of(d, address, now);
    if (!rc && now[0])
        rc = sysfs_write(address, PCI "/driver/unbind", d->sys, address);
    return rc ? rc : sysfs_write(address, "%s/bus/pci/drivers_probe", d->sys);
}

void binding_undo(const struct devices *d, const char *address)
{
    int rc = rebind(d, address, NO_DRIVER);

    log_event(rc ? LOG_ERROR : LOG_INFO, "device_back", "device=%s error=%d", address, -rc);
}

/* ---- the kernel's word ---- */

static int attach(int container, int group)
{
    struct vfio_group_status status = {.argsz = sizeof status};

    if (ioctl(group, VFIO_GROUP_GET_STATUS, &status))
        return -errno;
    if (!(status.flags & VFIO_GROUP_FLAGS_VIABLE))
        return -EBUSY;
    if (ioctl(group, VFIO_GROUP_SET_CONTAINER, &container))
        return -errno;
    return ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU) ? -errno : 0;
}

/* Would it let a process drive the device? Undone by closing. */
static int try(const struct devices *d, const char *address)
{
    char path[SYSFS_PATH], number[SYSFS_TEXT];
    int container, group, rc;

    sysfs_link(number, sizeof number, PCI "/iommu_group", d->sys, address);
    snprintf(path, sizeof path, "%s/vfio/%s", d->dev, number);
    group = open(path, O_RDWR | O_CLOEXEC);
    rc = group < 0 ? -errno : 0;
    snprintf(path, sizeof path, "%s/vfio/vfio", d->dev);
    container = rc ? -1 : open(path, O_RDWR | O_CLOEXEC);
    if (!rc)
        rc = container < 0 ? -errno : attach(container, group);
    if (container >= 0)
        close(container);
    if (group >= 0)
        close(group);
    return rc;
}

static int refuse(const char *address, int rc, struct err *e)
{
    if (rc == -EPERM)
        return err_set(e, rc, address,
                       "switch on interrupt remapping in the firmware, or in the virtual machine's "
                       "IOMMU",
                       "the kernel does not let a process drive it: its interrupts can not be "
                       "confined");
    return err_set(e, rc, address, "see the appliance's support bundle",
                   "the kernel does not let a process drive it (%s)", strerror(-rc));
}

int binding_do(const struct devices *d, const char *address, struct err *e)
{
    char before[SYSFS_TEXT], now[SYSFS_TEXT];
    int rc = 0;

    driver_of(d, address, before);
    if (!strcmp(before, BINDING_DRIVER))
        return 0;
    rc = rebind(d, address, BINDING_DRIVER);
    driver_of(d, address, now);
    if (!rc && strcmp(now, BINDING_DRIVER) != 0)
        rc = -ENXIO;
    if (!rc)
        rc = try(d, address);
    if (rc) {
        (void)refuse(address, rc, e);
        binding_undo(d, address);
        return rc;
    }
    log_event(LOG_INFO, "device_given", "device=%s before=%s", address, before[0] ? before : "-");
    return 0;
}

/* ---- huge pages ---- */

static unsigned long pages(const struct devices *d)
{
    char text[SYSFS_TEXT];

    return sysfs_read(text, PAGES, d->sys) ? 0 : strtoul(text, NULL, 10);
}

uint32_t binding_memory(const struct devices *d)
{
    return (uint32_t)(pages(d) * PAGE_MB);
}

static void set_pages(const struct devices *d, unsigned long n)
{
    char text[24];

    snprintf(text, sizeof text, "%lu", n);
    (void)sysfs_write(text, PAGES, d->sys); /* what came of it is read */
}

int binding_reserve(const struct devices *d, uint32_t mb, struct err *e)
{
    unsigned long before = pages(d), wanted = (mb + PAGE_MB - 1) / PAGE_MB, got;

    if (mb > d->memory_mb / 2)
        return err_set(e, -ENOMEM, DEVICES_MEMORY, "lower it, or give the machine more",
                       "%u MiB are more than half of the machine's memory (%u MiB)", mb,
                       d->memory_mb);
    if (before == wanted)
        return 0;
    set_pages(d, wanted);
    got = pages(d);
    if (got >= wanted)
        return 0;
    set_pages(d, before);
    return err_set(e, -ENOMEM, DEVICES_MEMORY,
                   "lower it, set \"hugepages\": false, or start the appliance again: then memory "
                   "is in one piece",
                   "of %u MiB there are %lu MiB in huge pages", mb, got * PAGE_MB);
}
