/* console: does a key order nothing by itself, and is everything else that is typed nothing? */
#include <string.h>

#include "appliance-image/src/keys.h"
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
        bool reset = menu_items[i].order == MENU_RESET;

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
    s.ready = s.helped = false;
    type(&m, "x");
    EXPECT(screen_draw(&s, &m, out) == strlen(out));
    EXPECT(strstr(out, "\nthe gateway is not ready\n") && strstr(out, "\ntoken abc\n"));
    EXPECT(strstr(out, "destroyed") && !strstr(out, "slot") && !strstr(out, "Press a key"));
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
