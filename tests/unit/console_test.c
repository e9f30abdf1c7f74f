/* console: does a key order nothing by itself, and is everything else that is typed nothing? */
#include <stdio.h>
#include <string.h>

#include "appliance-image/src/keys.h"
#include "appliance-image/src/plain.h"
#include "appliance-image/src/screen.h"
#include "dataplane/base/check.h"
#include "tests/unit/test.h"

/* What these bytes order in a fresh menu: the last order, or MENU_NOTHING. */
static enum menu_order type(struct menu *m, const char *bytes)
{
    struct keys keys = {KEYS_PLAIN};
    enum menu_order order = MENU_NOTHING;

    for (const char *at = bytes; *at; at++) {
        enum menu_order now = menu_key(m, keys_take(&keys, (uint8_t)*at));

        order = now ? now : order;
    }
    return order;
}

static enum menu_order fresh(const char *bytes)
{
    struct menu m = {.asks = MENU_NOTHING};

    return type(&m, bytes);
}

TEST("control characters, bytes beyond ASCII and whole escape sequences are no keys")
{
    static const char *const sequences[] = {"\033[A",     "\033[1;5C", "\033OP", "\033[200~",
                                            "\033\033[B", "\033x",     "\033y"};
    struct keys keys = {KEYS_PLAIN};

    for (unsigned byte = 0; byte < 256; byte++) {
        char key = keys_take(&keys, (uint8_t)byte);

        if (byte == 0x1b)
            EXPECT(!keys_take(&keys, 'y'));
        else if (byte >= ' ' && byte <= '~')
            EXPECT(key == (char)byte);
        else
            EXPECT(key == (byte == '\r' || byte == '\n'   ? KEY_ENTER
                           : byte == '\b' || byte == 0x7f ? KEY_ERASE
                                                          : KEY_NONE));
    }
    for (size_t i = 0; i < ARRAY_LEN(sequences); i++) {
        for (const char *at = sequences[i]; *at; at++)
            EXPECT(!keys_take(&keys, (uint8_t)*at));
        EXPECT(keys_take(&keys, 'q') == 'q');
    }
}

TEST("each order takes its key and a yes; any other key is a no")
{
    for (size_t i = 0; i < ARRAY_LEN(menu_items); i++) {
        char keys[] = {menu_items[i].key, 'y', '\0'};
        bool reset = menu_items[i].order == MENU_RESET || menu_items[i].order == MENU_NETWORK;

        EXPECT(fresh(keys) == (reset ? MENU_NOTHING : menu_items[i].order));
        keys[1] = 'n';
        EXPECT(fresh(keys) == MENU_NOTHING);
        keys[1] = '\0';
        EXPECT(fresh(keys) == MENU_NOTHING);
    }
    EXPECT(fresh("y") == MENU_NOTHING && fresh("ry") == MENU_RESTART);
    EXPECT(fresh("r\033[Ay") == MENU_RESTART && fresh("r\003y") == MENU_RESTART);
    EXPECT(fresh("r\ny") == MENU_NOTHING);
}

TEST("a factory reset takes a yes and then its word, whole and alone")
{
    struct menu m = {.asks = MENU_NOTHING};
    char line[300];

    EXPECT(fresh("xyerase\r") == MENU_RESET);
    EXPECT(fresh("xyerasx\be\r") == MENU_RESET);
    EXPECT(fresh("xyeras\r") == MENU_NOTHING && fresh("xyerased\r") == MENU_NOTHING);
    EXPECT(fresh("xerase\r") == MENU_NOTHING && fresh("xy\b\b\b\r") == MENU_NOTHING);
    EXPECT(!type(&m, "xyeras\r") && !menu_asked(&m));
    memset(line, 'a', sizeof line - 1);
    line[sizeof line - 1] = '\0';
    EXPECT(!type(&m, "xy") && !type(&m, line));
    for (unsigned i = 0; i < sizeof line; i++)
        EXPECT(!type(&m, "\b"));
    EXPECT(!type(&m, "erase\r")); /* an overlong line is no word, whatever is left of it */
    EXPECT(!menu_asked(&m));
}

TEST("the network takes six lines and a yes; a q alone leaves it, an overlong line is typed again")
{
    static char out[SCREEN_MAX];
    const struct screen s = {.ready = true};
    struct menu m = {.asks = MENU_NOTHING};
    char line[100];

    EXPECT(fresh("nenp1s0\r\rdhcp\r\r\r\ry") == MENU_NETWORK);
    EXPECT(fresh("nenp1s0\r\rdhcp\r\r\r\rn") == MENU_NOTHING);
    EXPECT(fresh("nenp1s0\rq\ry") == MENU_NOTHING && fresh("nyyyyyyy") == MENU_NOTHING);
    memset(line, 'a', sizeof line - 1);
    line[sizeof line - 1] = '\0';
    EXPECT(!type(&m, "n") && !type(&m, line) && !type(&m, "\r") && m.field == 0 && m.fills);
    EXPECT(!type(&m, "enp1sx\b0\r7\r192.0.2.1/24\r192.0.2.2\r"));
    EXPECT(screen_draw(&s, &m, out) == strlen(out));
    EXPECT(strstr(out, "\ninterface     enp1s0\n") && strstr(out, "name servers: addresses with"));
    EXPECT(type(&m, "192.0.2.3\rntp.test\ry") == MENU_NETWORK && !menu_asked(&m));
    EXPECT(!strcmp(m.form.values[FORM_VLAN], "7"));
}

/* Where the form is refused, or "" when it is good. */
static const char *judged(struct network *n, struct network_time *t, const char *devices,
                          const char *vlan, const char *address, const char *gateway,
                          const char *dns, const char *times)
{
    static struct err e;
    const char *const values[FORM_FIELDS] = {devices, vlan, address, gateway, dns, times};
    struct form f;

    for (unsigned i = 0; i < FORM_FIELDS; i++)
        snprintf(f.values[i], sizeof f.values[i], "%s", values[i]);
    e = (struct err){.where = ""};
    return form_read(&f, n, t, &e) ? e.where : "";
}

TEST("the form becomes an interface, a bond or a VLAN on it, judged as over REST")
{
    static struct network n;
    struct network_time t;

    EXPECT(!*judged(&n, &t, "enp1s0", "", "dhcp", "", "", ""));
    EXPECT(n.n_links == 1 && n.links[0].dhcp == NETWORK_DHCP_4 && !n.n_dns && !t.n);
    EXPECT(!*judged(&n, &t, "a,b", "7", "192.0.2.1/24", "192.0.2.2", "192.0.2.3,2001:db8::3",
                    "ntp.test"));
    EXPECT(n.n_links == 2 && n.links[0].kind == NETWORK_BOND && n.links[0].n_members == 2);
    EXPECT(n.links[1].vlan == 7 && !strcmp(n.links[1].on, n.links[0].name));
    EXPECT(n.links[1].n_addresses == 1 && n.links[1].n_routes == 1 &&
           !n.links[1].routes[0].to.bits);
    EXPECT(n.n_dns == 2 && t.n == 1);
    EXPECT(!*judged(&n, &t, "eth0", "", "2001:db8::1/64", "2001:db8::2", "", ""));
    EXPECT(!strcmp(judged(&n, &t, "", "", "dhcp", "", "", ""), "interface"));
    EXPECT(!strcmp(judged(&n, &t, "averyveryverylongname", "", "dhcp", "", "", ""), "interface"));
    EXPECT(!strcmp(judged(&n, &t, "eth0", "7x", "dhcp", "", "", ""), "VLAN"));
    EXPECT(!strcmp(judged(&n, &t, "eth0", "4095", "dhcp", "", "", ""), "VLAN"));
    EXPECT(!strcmp(judged(&n, &t, "eth0", "", "192.0.2.1", "", "", ""), "address"));
    EXPECT(!strcmp(judged(&n, &t, "eth0", "", "", "", "", ""), "address"));
    EXPECT(!strcmp(judged(&n, &t, "eth0", "", "192.0.2.1/24", "x", "", ""), "gateway"));
    EXPECT(!strcmp(judged(&n, &t, "eth0", "", "dhcp", "", "ns.test", ""), "name servers"));
    EXPECT(!strcmp(judged(&n, &t, "eth0", "", "dhcp", "", "", "1,2,3,4,5"), "time servers"));
    EXPECT(*judged(&n, &t, "eth0\n", "", "dhcp", "", "", "") &&
           *judged(&n, &t, "a/b", "", "dhcp", "", "", ""));
    EXPECT(*judged(&n, &t, "eth0", "", "192.0.2.1/24", "198.51.100.1", "", ""));
    EXPECT(*judged(&n, &t, "eth0", "", "dhcp", "", "", "a b"));
}

TEST("the screen says how all stands, and is cut rather than overrun")
{
    static struct screen s = {.ready = true, .helped = true};
    static char out[SCREEN_MAX];
    struct menu m = {.asks = MENU_NOTHING};

    s.status.slots[0] = (struct system_slot){20260131120000, SYSTEM_SLOT_GOOD, 0};
    strcpy(s.addresses[0].interface, "eth0");
    strcpy(s.addresses[0].text, "192.0.2.1");
    s.n_addresses = 1;
    EXPECT(screen_draw(&s, &m, out) == strlen(out));
    EXPECT(strstr(out, "\npenstock ready\naddress eth0 192.0.2.1\n"));
    EXPECT(strstr(out, "\nslot a   20260131120000, good, runs\nslot b   empty\n"));
    EXPECT(strstr(out, "\nthe token is closed\n") && strstr(out, "x  factory reset"));
    strcpy(s.token, "token abc\n");
    EXPECT(screen_draw(&s, &m, out) && strstr(out, "\ntoken abc\n"));
    s.ready = s.helped = false;
    type(&m, "x");
    EXPECT(screen_draw(&s, &m, out) == strlen(out));
    EXPECT(strstr(out, "\nthe gateway is not ready\n") && !strstr(out, "token"));
    EXPECT(strstr(out, "destroyed") && !strstr(out, "slot") && !strstr(out, "Press a key"));
    s.ready = true;
    memset(s.token, 't', sizeof s.token - 1);
    memset(s.news, 'n', sizeof s.news - 1);
    for (s.n_addresses = 0; s.n_addresses < SCREEN_ADDRESSES; s.n_addresses++) {
        memset(s.addresses[s.n_addresses].interface, 'i', 15);
        memset(s.addresses[s.n_addresses].text, 'a', 45);
    }
    EXPECT(screen_draw(&s, &m, out) == strlen(out) && strlen(out) < SCREEN_MAX);
}

int main(void)
{
    return test_run();
}

/* All that becomes of this JSON. */
static const char *plain(const char *json, size_t n)
{
    static char out[1 << 16];
    struct plain p = {.from = json, .n = n};
    size_t have = 0, now;

    while ((now = plain_next(&p, out + have)) && have + 2 * PLAIN_CHUNK < sizeof out)
        have += now;
    out[have] = '\0';
    return out;
}

static bool becomes(const char *json, const char *lines)
{
    return !strcmp(plain(json, strlen(json)), lines);
}

TEST("a bundle for the terminal is the same JSON in printable ASCII, whatever a stranger wrote")
{
    EXPECT(becomes("{\"a\":[1,\"b, c\"]}", "{\"a\":[1,\"b, c\"]}"));
    EXPECT(becomes("\"M\xc3\xbcnchen \xe2\x82\xac \xf0\x9f\x94\x92\"",
                   "\"M\\u00fcnchen \\u20ac \\ud83d\\udd12\""));
    EXPECT(becomes("\"\x1b[2J\x7f\xc2\x9b\"", "\"\\u001b[2J\\u007f\\u009b\""));
    /* No UTF-8: a surrogate, too long a form, beyond the last, cut off, a byte that begins none. */
    EXPECT(becomes("\"\xed\xa0\x80\"", "\"\\ufffd\\ufffd\\ufffd\""));
    EXPECT(becomes("\"\xc0\xaf\"", "\"\\ufffd\\ufffd\""));
    EXPECT(becomes("\"\xf4\x90\x80\x80\"", "\"\\ufffd\\ufffd\\ufffd\\ufffd\""));
    EXPECT(becomes("\"\xe2\x82", "\"\\ufffd\\ufffd"));
    EXPECT(becomes("[1,\n\t\xc3\xbc 2]", "[1, 2]"));
}

TEST("a bundle's lines are broken between tokens only")
{
    static char json[8000];
    size_t n = 0, longest = 0, length = 0;

    json[n++] = '[';
    for (unsigned i = 0; i < 200; i++)
        n += (size_t)snprintf(json + n, sizeof json - n, "%s\"%u,\\\"[{,\"", i ? "," : "", i);
    json[n++] = ']';
    for (const char *at = plain(json, n); *at; at++) {
        if (*at == '\n')
            EXPECT(at[-1] == ',' && at[-2] == '"' && at[1] == '"');
        length = *at == '\n' ? 0 : length + 1;
        longest = length > longest ? length : longest;
    }
    EXPECT(longest >= PLAIN_LINE && longest < PLAIN_LINE + 20);
    EXPECT(strlen(plain(json, n)) > n); /* nothing is lost: line feeds came to it */
}
