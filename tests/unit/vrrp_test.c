/* vrrp: do mgmt and its helper read what the other wrote, and is keepalived told just that? */
#include "dataplane/wire/vrrp.h"

#include <stdlib.h>
#include <sys/socket.h>
#include "appliance-image/src/vrrp_conf.h"
#include "tests/unit/decode.h"
#include "tests/unit/test.h"

DECODER(vrrp_get_set, struct vrrp_set);
DECODER(vrrp_get_health, bool);
DECODER(vrrp_get_status, struct vrrp_status);

static uint8_t mem[2048];

static struct vrrp_set sample(void)
{
    struct vrrp_set s = {.on = true,
                         .interface = "eth1",
                         .router = 51,
                         .priority = 100,
                         .interval_ms = 250,
                         .n_addresses = 2};

    EXPECT(!vrrp_address_parse("192.0.2.1", &s.source) &&
           !vrrp_address_parse("192.0.2.2", &s.peer) &&
           !vrrp_address_parse("192.0.2.10/24", &s.addresses[0]) &&
           !vrrp_address_parse("2001:db8::10/64", &s.addresses[1]));
    return s;
}

static int round_trip(const struct vrrp_set *s, struct vrrp_set *got)
{
    struct buf b, r;

    buf_init(&b, mem, sizeof mem);
    vrrp_put_set(&b, s);
    EXPECT(buf_ok(&b));
    buf_init_read(&r, mem, b.len);
    return vrrp_get_set(&r, got);
}

TEST("a set comes back as it was, and only whole; what keepalived could not be told is refused")
{
    struct vrrp_set s = sample(), got, off = {0};
    struct buf b;

    EXPECT(!round_trip(&s, &got) && !memcmp(&s, &got, sizeof s));
    buf_init(&b, mem, sizeof mem);
    vrrp_put_set(&b, &s);
    EXPECT(only_whole(decode_vrrp_get_set, mem, b.len));
    EXPECT(!round_trip(&off, &got) && !got.on);
    s.priority = 255;
    EXPECT(round_trip(&s, &got));
    s = sample();
    s.interval_ms = 255;
    EXPECT(round_trip(&s, &got));
    s = sample();
    s.peer = s.addresses[1];
    EXPECT(round_trip(&s, &got)); /* of another family than ours */
    s = sample();
    s.addresses[1].bits = 0;
    EXPECT(round_trip(&s, &got));
    s = sample();
    s.n_addresses = 0;
    EXPECT(round_trip(&s, &got));
    s = sample();
    snprintf(s.interface, sizeof s.interface, "e}\nnotify x");
    EXPECT(round_trip(&s, &got));
}

TEST("a state and a word on the gateway are exactly that")
{
    struct vrrp_status m = {.state = VRRP_FAULT, .since_s = 5, .changes = 3, .why = "down"}, got;
    bool good = true, said = false;
    struct buf b, r;

    buf_init(&b, mem, sizeof mem);
    vrrp_put_status(&b, &m);
    buf_init_read(&r, mem, b.len);
    EXPECT(!vrrp_get_status(&r, &got) && got.state == VRRP_FAULT && got.since_s == 5 &&
           got.changes == 3 && !strcmp(got.why, "down"));
    EXPECT(only_whole(decode_vrrp_get_status, mem, b.len));
    EXPECT(refuses(decode_vrrp_get_status, mem, b.len, 0, VRRP_STATES));
    buf_init(&b, mem, sizeof mem);
    vrrp_put_health(&b, &good);
    buf_init_read(&r, mem, b.len);
    EXPECT(!vrrp_get_health(&r, &said) && said);
    EXPECT(only_whole(decode_vrrp_get_health, mem, b.len));
    EXPECT(refuses(decode_vrrp_get_health, mem, b.len, 0, 2));
}

TEST("addresses and interfaces are taken in one spelling of form, and nothing else")
{
    static const char *const bad[] = {"",           "192.0.2.1/33",  "192.0.2.1/0", "192.0.2.1/",
                                      "192.0.2/24", "192.0.2.1/024", "::1/129",     "::1%eth0",
                                      "192.0.2.1 ", "192.0.2.1/2x"};
    struct vrrp_address a;
    char text[VRRP_TEXT_MAX];

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        EXPECT(vrrp_address_parse(bad[i], &a));
    EXPECT(!vrrp_address_parse("2001:db8:0::1/64", &a) && a.family == AF_INET6 && a.bits == 64);
    EXPECT(!strcmp(vrrp_address_text(&a, text), "2001:db8::1"));
    EXPECT(vrrp_is_interface("bond0.12") && vrrp_is_interface("eth1"));
    EXPECT(!vrrp_is_interface("") && !vrrp_is_interface("a b") && !vrrp_is_interface("a\"") &&
           !vrrp_is_interface("sixteen-letters-") && !vrrp_is_interface("../x") &&
           !vrrp_is_interface("e}"));
}

TEST("keepalived is told the addresses by family, the partner, and to stay where it is")
{
    struct vrrp_set s = sample();
    char *text = vrrp_conf_text(&s, "/run/x");

    EXPECT(strstr(text, "advert_int 0.25\n") && strstr(text, "virtual_router_id 51\n"));
    EXPECT(strstr(text, "nopreempt\n") && strstr(text, "state BACKUP\n"));
    EXPECT(strstr(text, "unicast_src_ip 192.0.2.1\n") && strstr(text, "        192.0.2.2\n"));
    EXPECT(strstr(text, "virtual_ipaddress {\n        192.0.2.10/24 dev eth1\n    }\n"));
    EXPECT(strstr(text, "virtual_ipaddress_excluded {\n        2001:db8::10/64 dev eth1\n    }\n"));
    EXPECT(strstr(text, "file \"/run/x/health\"") && !strstr(text, "script"));
    free(text);
    s.preempt = true;
    s.source = s.peer = (struct vrrp_address){0};
    text = vrrp_conf_text(&s, "/run/x");
    EXPECT(!strstr(text, "nopreempt") && !strstr(text, "unicast"));
    free(text);
}

int main(void)
{
    return test_run();
}
