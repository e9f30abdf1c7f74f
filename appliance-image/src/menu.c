#include "appliance-image/src/menu.h"

#include <stddef.h>
#include <string.h>

#include "appliance-image/src/keys.h"
#include "dataplane/base/check.h"

const struct menu_item menu_items[MENU_ORDERS - 1] = {
    {'t', MENU_TOKEN, "lost access: open a one-time token for another administrator",
     "Whoever reads the token on this screen can become an administrator. Open one?"},
    {'n', MENU_NETWORK, "network: address, VLAN, bond, name and time servers",
     "This replaces the whole network of the appliance, at once. Do it?"},
    {'v', MENU_VERSION, "start the other version next",
     "The version in the other slot starts next, on trial; restart for it. Choose it?"},
    {'b', MENU_SUPPORT, "support bundle: status, configuration and log, on this line",
     "Some hundred kilobytes of text come on this line, without secrets; any key stops them.\n"
     "Keep what it shows in a file from here on. Begin?"},
    {'r', MENU_RESTART, "restart", "All sessions end. Restart the appliance?"},
    {'s', MENU_SHUTDOWN, "shut down", "All sessions end. Shut the appliance down?"},
    {'x', MENU_RESET, "factory reset",
     "The configuration, all private keys, the administrators and the audit are destroyed.\n"
     "Nothing brings them back but a backup. Reset the appliance?"},
};

const struct menu_item *menu_asked(const struct menu *m)
{
    for (size_t i = 0; i < ARRAY_LEN(menu_items); i++)
        if (m->asks == menu_items[i].order)
            return &menu_items[i];
    return NULL;
}

void menu_leave(struct menu *m)
{
    const struct form form = m->form;

    memset(m, 0, sizeof *m);
    m->form = form;
}

static enum menu_order choose(struct menu *m, char key)
{
    for (size_t i = 0; i < ARRAY_LEN(menu_items); i++)
        if (key == menu_items[i].key)
            m->asks = menu_items[i].order;
    if (m->asks == MENU_NETWORK) {
        memset(&m->form, 0, sizeof m->form);
        m->fills = true;
    }
    return MENU_NOTHING;
}

/* Anything but a yes is a no. */
static enum menu_order answer(struct menu *m, char key)
{
    enum menu_order order = m->asks;

    if (key == 'y' && order == MENU_RESET) {
        m->word = true;
        return MENU_NOTHING;
    }
    menu_leave(m);
    return key == 'y' ? order : MENU_NOTHING;
}

/* The line is there: the next one, or the question. An overlong one is typed again. */
static void fill(struct menu *m)
{
    if (!m->too_long && !strcmp(m->line, MENU_LEAVE)) {
        menu_leave(m);
        return;
    }
    if (!m->too_long)
        memcpy(m->form.values[m->field++], m->line, sizeof m->line);
    m->fills = m->field < FORM_FIELDS;
    m->too_long = false;
    m->n = 0;
    m->line[0] = '\0';
}

static enum menu_order enter(struct menu *m)
{
    bool right = !m->too_long && !strcmp(m->line, MENU_WORD);

    if (m->fills) {
        fill(m);
        return MENU_NOTHING;
    }
    menu_leave(m);
    return right ? MENU_RESET : MENU_NOTHING;
}

static enum menu_order type(struct menu *m, char key)
{
    if (key == KEY_ENTER)
        return enter(m);
    if (key == KEY_ERASE) {
        m->n -= m->n > 0;
        m->line[m->n] = '\0';
    } else if (m->n < MENU_LINE_MAX) {
        m->line[m->n++] = key;
        m->line[m->n] = '\0';
    } else {
        m->too_long = true;
    }
    return MENU_NOTHING;
}

enum menu_order menu_key(struct menu *m, char key)
{
    if (key == KEY_NONE)
        return MENU_NOTHING;
    if (m->word || m->fills)
        return type(m, key);
    return m->asks ? answer(m, key) : choose(m, key);
}
