/*
 * Goal: nothing that is typed at the console, however long or broken, orders what was not asked
 * for and answered with yes, or overruns the screen.
 */
#include "appliance-image/src/keys.h"
#include "appliance-image/src/screen.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static char out[SCREEN_MAX];
    struct screen s = {.ready = true};
    struct menu m = {.asks = MENU_NOTHING};
    struct keys keys = {KEYS_PLAIN};

    for (size_t i = 0; i < n; i++) {
        char key = keys_take(&keys, data[i]);
        const struct menu before = m;
        enum menu_order order = menu_key(&m, key);

        check(!order || order == before.asks);
        check(!order || key == (order == MENU_RESET ? KEY_ENTER : 'y'));
        check(order != MENU_RESET || (before.word && !strcmp(before.line, MENU_WORD)));
        check(m.n <= MENU_LINE_MAX && (m.asks || !m.n));
        check(screen_draw(&s, &m, out) == strlen(out));
    }
    return 0;
}
