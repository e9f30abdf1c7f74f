/* devices: is a card given to the DPDK engine only where it can do no harm, and whole or not at
 * all? */
#include "appliance-image/src/devices.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/test.h"

#define CARD  "0000:03:00.0"
#define OTHER "0000:03:00.1"
#define DISK  "0000:05:00.0"
#define PAGES "kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"

static char sys[] = "/tmp/penstock-devices-XXXXXX";
static struct network settings;
static struct devices d = {
    .sys = sys, .dev = sys, .running = &settings, .saved = &settings, .memory_mb = 1024};
static struct err e;

/* ---- a machine's sysfs, as far as it is looked at ---- */

static void shell(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void shell(const char *format, ...)
{
    char words[512], line[640];
    va_list args;

    va_start(args, format);
    vsnprintf(words, sizeof words, format, args);
    va_end(args);
    snprintf(line, sizeof line, "cd %s && { %s; }", sys, words);
    if (system(line))
        abort();
}

/* A device with this class and driver (the kernel's), in an IOMMU group; "": none of them. */
static void plug(const char *address, const char *class, const char *driver, const char *group)
{
    shell("mkdir -p bus/pci/devices/%s bus/pci/drivers/none", address);
    shell("cd bus/pci/devices/%s && echo %s >class && echo 0x8086 >vendor && echo 0x10d3 >device",
          address, class);
    shell("echo '(null)' >bus/pci/devices/%s/driver_override", address);
    if (driver[0])
        shell("mkdir -p bus/pci/drivers/%s && ln -s ../../drivers/%s bus/pci/devices/%s/driver",
              driver, driver, address);
    if (group[0])
        shell("mkdir -p kernel/iommu_groups/%s/devices && : >kernel/iommu_groups/%s/devices/%s && "
              "ln -s ../../../../kernel/iommu_groups/%s bus/pci/devices/%s/iommu_group",
              group, group, address, group, address);
}

static void interface(const char *address, const char *below, const char *name)
{
    shell("mkdir -p bus/pci/devices/%s/%snet/%s", address, below, name);
}

/* A network card behind an IOMMU of its own, a disk, and settings that name another interface. */
static void machine(void)
{
    snprintf(sys, sizeof sys, "/tmp/penstock-devices-XXXXXX");
    if (!mkdtemp(sys))
        abort();
    shell("mkdir -p $(dirname " PAGES ") && echo 0 >" PAGES "");
    plug(DISK, "0x010802", "nvme", "5");
    plug(CARD, "0x020000", "e1000e", "7");
    interface(CARD, "", "enp3s0");
    shell(": >bus/pci/drivers_probe");
    settings = (struct network){.n_links = 1, .links = {{.name = "eth0"}}};
}

static void scrap(void)
{
    shell("rm -r %s", sys);
}

static const char *why(const char *address)
{
    e = (struct err){.what = ""};
    (void)devices_judge(&d, address, &e);
    return e.what;
}

static bool says(const char *address, const char *what)
{
    return strstr(why(address), what) && !strcmp(e.where, address) && e.fix[0];
}

static const char *text_of(const char *path)
{
    static char text[64];
    char at[128];
    FILE *f;

    snprintf(at, sizeof at, "%s/%s", sys, path);
    f = fopen(at, "re");
    text[0] = '\0';
    if (!f || !fgets(text, sizeof text, f))
        text[0] = '\0';
    if (f)
        fclose(f);
    return text;
}

/* ---- cases ---- */

TEST("a card alone behind an IOMMU, that the network does not name, may be given")
{
    machine();
    EXPECT(!devices_judge(&d, CARD, &e));
    plug("0000:00:01.0", "0x060400", "pcieport", "7"); /* the bridge above it is no neighbour */
    EXPECT(!devices_judge(&d, CARD, &e));
    scrap();
}

TEST("without an IOMMU no card is given, not even in the kernel's mode for that")
{
    machine();
    plug("0000:04:00.0", "0x020000", "igb", "");
    EXPECT(says("0000:04:00.0", "no IOMMU"));
    shell("echo vfio-noiommu >kernel/iommu_groups/7/name");
    EXPECT(says(CARD, "no IOMMU"));
    scrap();
}

TEST("a card that shares its group could reach the other one")
{
    machine();
    plug(OTHER, "0x020000", "e1000e", "7");
    EXPECT(says(CARD, OTHER) && strstr(e.what, "group 7"));
    EXPECT(says(OTHER, CARD));
    scrap();
}

TEST("a card whose group can not be read is not taken for one that is alone")
{
    machine();
    shell("rm -r kernel/iommu_groups/7/devices");
    EXPECT(says(CARD, "can not be read"));
    scrap();
}

TEST("what the settings name is the appliance's own, as an interface and in a bond, kept or on "
     "trial")
{
    static struct network trial;

    machine();
    interface(CARD, "virtio0/", "enp3s1"); /* below the bus of virtio, too */
    trial = settings;
    d.running = &trial;
    snprintf(trial.links[0].name, sizeof trial.links[0].name, "enp3s0");
    EXPECT(says(CARD, "system/network names enp3s0"));
    snprintf(trial.links[0].name, sizeof trial.links[0].name, "enp3s1");
    EXPECT(says(CARD, "system/network names enp3s1"));
    d.running = &settings;
    settings.links[0].n_members = 1;
    snprintf(settings.links[0].members[0], NETWORK_NAME, "enp3s0");
    EXPECT(says(CARD, "system/network names enp3s0"));
    settings.links[0].n_members = 0;
    EXPECT(!devices_judge(&d, CARD, &e));
    scrap();
}

TEST("as long as the network is not set the appliance uses every interface, and gives none away")
{
    machine();
    settings.n_links = 0;
    EXPECT(says(CARD, "enp3s0 among them"));
    plug("0000:04:00.0", "0x020000", "", "8"); /* of no use to the kernel */
    EXPECT(!devices_judge(&d, "0000:04:00.0", &e));
    scrap();
}

TEST("disks, cards without a driver in DPDK, what is not there and what is no address are refused")
{
    static const char *const none[] = {"03:00.0",       "0000:03:00.00", "0000:03:00.G",
                                       "../../../etc/", "0000-03-00-0",  ""};

    machine();
    EXPECT(says(DISK, "no network card (class 010802)"));
    EXPECT(says("0000:09:00.0", "no such device"));
    plug("0000:04:00.0", "0x020000", "mlx5_core", "8");
    EXPECT(says("0000:04:00.0", "mlx5_core"));
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        EXPECT(says(none[i], "no PCI address"));
    scrap();
}

TEST("all network cards are listed in their order, with why one can not be given")
{
    static struct system_devices got;

    machine();
    plug("0000:02:00.0", "0x020000", "vfio-pci", "3");
    plug(OTHER, "0x020000", "igb", "");
    shell("echo 64 >" PAGES);
    devices_list(&d, &got);
    EXPECT(got.n == 3 && got.huge_mb == 128);
    EXPECT(!strcmp(got.devices[0].address, "0000:02:00.0") && got.devices[0].given);
    EXPECT(got.devices[0].grouped && got.devices[0].group == 3 && !got.devices[0].why[0]);
    EXPECT(!strcmp(got.devices[1].address, CARD) && !got.devices[1].given);
    EXPECT(!strcmp(got.devices[1].driver, "e1000e") && !strcmp(got.devices[1].interface, "enp3s0"));
    EXPECT(got.devices[1].vendor == 0x8086 && got.devices[1].device == 0x10d3);
    EXPECT(!got.devices[2].grouped && strstr(got.devices[2].why, "no IOMMU"));
    scrap();
}

TEST("one bad name among them, and nothing is touched")
{
    const struct system_give want = {.n = 2, .huge_mb = 128, .devices = {CARD, DISK}};

    machine();
    EXPECT(devices_give(&d, &want, &e) == -EPERM && !strcmp(e.where, DISK));
    EXPECT(!strcmp(text_of(PAGES), "0\n"));
    EXPECT(!strcmp(text_of("bus/pci/devices/" CARD "/driver_override"), "(null)\n"));
    scrap();
}

TEST("a card that vfio-pci does not take goes back to its driver, and the memory with it")
{
    const struct system_give want = {.n = 1, .huge_mb = 128, .devices = {CARD}};

    machine();
    shell(": >bus/pci/drivers/e1000e/unbind");
    EXPECT(devices_give(&d, &want, &e) == -ENXIO && !strcmp(e.where, CARD) && e.fix[0]);
    EXPECT(!strcmp(text_of("bus/pci/devices/" CARD "/driver_override"), "\n"));
    EXPECT(!strcmp(text_of("bus/pci/drivers_probe"), CARD));
    EXPECT(!strcmp(text_of(PAGES), "0"));
    scrap();
}

TEST(
    "a card that no longer is wanted goes back, one that is stays as it is, and so does the memory")
{
    const struct system_give want = {.n = 1, .huge_mb = 64, .devices = {"0000:02:00.0"}},
                             none = {0};

    machine();
    plug("0000:02:00.0", "0x020000", "vfio-pci", "3");
    shell(": >bus/pci/drivers/vfio-pci/unbind");
    EXPECT(!devices_give(&d, &want, &e));
    EXPECT(!strcmp(text_of(PAGES), "32") && !strcmp(text_of("bus/pci/drivers_probe"), ""));
    EXPECT(!devices_give(&d, &none, &e));
    EXPECT(!strcmp(text_of(PAGES), "0"));
    EXPECT(!strcmp(text_of("bus/pci/drivers/vfio-pci/unbind"), "0000:02:00.0"));
    EXPECT(!strcmp(text_of("bus/pci/devices/0000:02:00.0/driver_override"), "\n"));
    scrap();
}

TEST("more than half of the machine's memory, or more than can be had, is refused")
{
    const struct system_give much = {.huge_mb = 513}, some = {.huge_mb = 512};

    machine();
    EXPECT(devices_give(&d, &much, &e) == -ENOMEM && !strcmp(e.where, DEVICES_MEMORY));
    EXPECT(strstr(e.what, "half") && !strcmp(text_of(PAGES), "0\n"));
    EXPECT(!devices_give(&d, &some, &e) && !strcmp(text_of(PAGES), "256"));
    shell("ln -sf /dev/full " PAGES); /* where no page can be had */
    EXPECT(devices_give(&d, &some, &e) == -ENOMEM && strstr(e.fix, "hugepages"));
    scrap();
}

int main(void)
{
    return test_run();
}
