/* devices: the appliance's network cards, as the DPDK engine could have them or has them. */
#include <string.h>

#include "mgmt/api/handlers.h"
#include "mgmt/api/system_parts.h"
#include "mgmt/manager.h"

static json_t *device_json(const struct system_device *d)
{
    json_t *out = json_pack("{s:s, s:o, s:b, s:b}", "address", d->address, "id",
                            json_sprintf("%04x:%04x", d->vendor, d->device), "given", d->given,
                            "can_be_given", d->why[0] == '\0');

    if (d->driver[0])
        json_object_set_new(out, "driver", json_string(d->driver));
    if (d->interface[0])
        json_object_set_new(out, "interface", json_string(d->interface));
    if (d->grouped)
        json_object_set_new(out, "iommu_group", json_integer((json_int_t)d->group));
    if (d->why[0])
        json_object_set_new(out, "why", json_string(d->why));
    return out;
}

/* Is it what a port's "device" names? Arguments may follow there. */
static bool is_of(const char *device, const char *address)
{
    size_t n = strcspn(device, ",");

    return n == strlen(address) && !strncmp(device, address, n);
}

static json_t *find(json_t *items, const char *device)
{
    json_t *item;
    size_t i;

    json_array_foreach(items, i, item)
    {
        if (is_of(device, json_string_value(json_object_get(item, "address"))))
            return item;
    }
    return NULL;
}

/* Which port of the configuration has which; and those that are named and not there. */
static void name_ports(json_t *items, const json_t *document)
{
    json_t *ports = json_object_get(json_object_get(document, "dpdk"), "ports"), *port, *item;
    const char *name, *device;

    json_object_foreach(ports, name, port)
    {
        device = json_string_value(json_object_get(port, "device"));
        if (!device || !strncmp(device, "net_", 4) || !strncmp(device, "eth_", 4))
            continue;
        item = find(items, device);
        if (item)
            json_object_set_new(item, "port", json_string(name));
        else
            json_array_append_new(items, json_pack("{s:s, s:b, s:b, s:s, s:s}", "address", device,
                                                   "given", 0, "can_be_given", 0, "why",
                                                   "the machine has no such device", "port", name));
    }
}

void system_tell_devices(void *arg, int rc, const struct appliance_answer *a, const struct err *e)
{
    struct call *c = arg;
    json_t *items;

    if (rc || !a->devices) {
        system_refuse(c, rc, e);
        return;
    }
    items = json_array();
    for (unsigned i = 0; i < a->devices->n; i++)
        json_array_append_new(items, device_json(&a->devices->devices[i]));
    name_ports(items, c->m->document);
    call_answer(
        c, 200,
        json_pack("{s:o, s:I}", "items", items, "huge_pages_mb", (json_int_t)a->devices->huge_mb));
}

static void on_devices(void *arg, int rc, const struct appliance_answer *a, const struct err *e)
{
    system_tell_devices(arg, rc, a, e);
    call_done(arg);
}

void devices_get(struct call *c)
{
    system_ask(c, SYSTEM_DEVICES, NULL, on_devices);
}
