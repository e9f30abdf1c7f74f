/*
 * penstock-console STATE HELPER FIRST: the menu on the terminal that is its stdin and stdout: how
 * the appliance stands, the one-time token while there is one, and the few orders of menu.h.
 *
 * Why: whoever stands at the box proves by it that he may be its first administrator, or come back
 * when every key is lost; so the token belongs on the console and nowhere else. STATE is the
 * gateway's directory, HELPER the socket of penstock-system, which carries the orders out, FIRST
 * the file in which penstock-first says what came of a drive.
 * Never: starts a program; takes more from the terminal than one key after the other; writes the
 * token elsewhere.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "appliance-image/src/helper.h"
#include "appliance-image/src/keys.h"
#include "appliance-image/src/local.h"
#include "appliance-image/src/look.h"
#include "appliance-image/src/menu.h"
#include "appliance-image/src/plain.h"
#include "appliance-image/src/screen.h"
#include "appliance-image/src/terminal.h"
#include "dataplane/base/clock.h"
#include "dataplane/base/secret.h"

#define LOOK_MS  2000
#define LEAVE_MS 60000 /* a question that nobody answers is a no */
#define CLEAR    "\033[2J\033[H"

struct console {
    struct look look;
    struct screen screen;
    struct menu menu;
    struct keys keys;
    uint64_t key_ms; /* of the last key */
    char drawn[SCREEN_MAX];
};

/* ---- orders: each leaves its news ---- */

static int open_token(struct console *c, struct err *e)
{
    char path[PATH_MAX];
    int status;

    snprintf(path, sizeof path, "%s/penstock.sock", c->look.state);
    status = local_ask(path, "POST", "/api/v1/bootstrap");
    if (status == 201)
        return 0;
    if (status < 0)
        return err_set(e, status, "gateway", "restart, or choose the other version",
                       "it does not answer");
    return err_set(e, -EPERM, "gateway",
                   "try again in a moment, for a change may be under way; a management link with a "
                   "trust of its own has no token",
                   "it opens no token (status %d)", status);
}

static int choose_version(struct console *c, struct err *e)
{
    const struct system_slot *other = &c->screen.status.slots[!c->screen.status.running];

    if (!c->screen.helped || !other->version)
        return err_set(e, -ENOENT, "version", "send an update over REST",
                       "there is none in the other slot");
    return helper_activate(c->look.helper, other->version, e);
}

static int set_network(struct console *c, struct err *e)
{
    static struct network network;
    static struct network_time time;
    int rc = form_read(&c->menu.form, &network, &time, e);

    if (!rc)
        rc = helper_network(c->look.helper, &network, e);
    return !rc && time.n ? helper_time(c->look.helper, &time, e) : rc;
}

/* Whoever is at the other end of the line keeps it; a screen keeps nothing. Any key stops it. */
static int write_bundle(const char *text, size_t n, struct err *e)
{
    struct plain p = {.from = text, .n = n};
    struct pollfd key = {.fd = STDIN_FILENO, .events = POLLIN};
    char chunk[PLAIN_CHUNK];

    printf("\nsupport bundle begins\n");
    for (size_t now; (now = plain_next(&p, chunk));) {
        fwrite(chunk, 1, now, stdout);
        fflush(stdout);
        if (poll(&key, 1, 0) == 0)
            continue;
        tcflush(STDIN_FILENO, TCIFLUSH);
        printf("\nsupport bundle is not whole\n");
        return err_set(e, -ECANCELED, "support bundle", "begin again", "a key stopped it");
    }
    printf("\nsupport bundle ends\n");
    return 0;
}

static int support(struct console *c, struct err *e)
{
    char path[PATH_MAX], *text;
    size_t n;
    int status;

    if (terminal_is_screen(STDIN_FILENO))
        return err_set(e, -ENOTTY, "support bundle",
                       "ask for it on a serial line, or over REST (penstockctl support)",
                       "nobody could keep it from this screen");
    snprintf(path, sizeof path, "%s/penstock.sock", c->look.state);
    status = local_fetch(path, "/api/v1/support", &text, &n);
    if (status == 200)
        status = write_bundle(text, n, e);
    else
        status = err_set(e, status < 0 ? status : -EPERM, "gateway",
                         "try again in a moment; restart, or choose the other version",
                         "it gives no support bundle (%d)", status);
    free(text);
    return status;
}

static int restart(struct console *c, struct err *e)
{
    return helper_power(c->look.helper, SYSTEM_REBOOT, e);
}

static int shut_down(struct console *c, struct err *e)
{
    return helper_power(c->look.helper, SYSTEM_SHUTDOWN, e);
}

static int reset(struct console *c, struct err *e)
{
    return helper_reset(c->look.helper, e);
}

static const struct {
    int (*run)(struct console *c, struct err *e);
    const char *done;
} orders[MENU_ORDERS] = {
    [MENU_TOKEN] = {open_token, "A one-time token is open."},
    [MENU_NETWORK] = {set_network, "The network is set. Its addresses are above when it is up."},
    [MENU_VERSION] = {choose_version, "The other version starts next. Restart for it."},
    [MENU_SUPPORT] = {support, "The support bundle stands above, from its first mark to its last."},
    [MENU_RESTART] = {restart, "The appliance restarts."},
    [MENU_SHUTDOWN] = {shut_down, "The appliance shuts down."},
    [MENU_RESET] = {reset, "The appliance restarts, and begins anew."},
};

static void carry_out(struct console *c, enum menu_order order)
{
    char text[sizeof c->screen.news];
    struct err e;

    if (!order)
        return;
    if (orders[order].run(c, &e))
        snprintf(c->screen.news, sizeof c->screen.news, "Not done: %s",
                 err_text(&e, text, sizeof text - sizeof "Not done: "));
    else
        snprintf(c->screen.news, sizeof c->screen.news, "%s", orders[order].done);
    look_all(&c->look, &c->screen);
}

/* ---- the terminal ---- */

/*
 * Write the screen when it is another than the one that is there, or when it is asked for. What
 * the machine says while the gateway is not ready stays above it.
 */
static void draw(struct console *c, bool asked)
{
    char text[SCREEN_MAX];
    size_t n = screen_draw(&c->screen, &c->menu, text);

    if (asked || strcmp(text, c->drawn) != 0) {
        printf("%s%s%s", asked || c->screen.ready ? CLEAR : "\n", text,
               n && text[n - 1] != '\n' ? "" : "\n");
        fflush(stdout);
        memcpy(c->drawn, text, sizeof text);
    }
    secret_wipe(text, sizeof text);
}

/* One byte of what was typed. Is what follows it still meant for what the person sees? */
static bool take_byte(struct console *c, uint8_t byte)
{
    char key = keys_take(&c->keys, byte);
    const struct menu before = c->menu;
    enum menu_order order;

    if (key && !before.asks)
        c->screen.news[0] = '\0';
    order = menu_key(&c->menu, key);
    carry_out(c, order);
    return !order && before.asks == c->menu.asks && before.word == c->menu.word &&
           before.fills == c->menu.fills;
}

/* 0, or -EPIPE: the terminal is gone. What was typed ahead of a question is no answer to it. */
static int take_keys(struct console *c)
{
    uint8_t bytes[64];
    ssize_t n = read(STDIN_FILENO, bytes, sizeof bytes);

    if (n <= 0)
        return n < 0 && (errno == EINTR || errno == EAGAIN) ? 0 : -EPIPE;
    for (ssize_t i = 0; i < n; i++) {
        if (!take_byte(c, bytes[i])) {
            tcflush(STDIN_FILENO, TCIFLUSH);
            break;
        }
    }
    c->key_ms = clock_mono_ms();
    draw(c, true);
    return 0;
}

static int run(struct console *c)
{
    struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};

    for (;;) {
        int n = poll(&p, 1, LOOK_MS);

        if (n < 0 && errno != EINTR)
            return -errno;
        if (n > 0 && take_keys(c))
            return -EPIPE;
        if (n > 0)
            continue;
        if (c->menu.asks && clock_mono_ms() - c->key_ms > LEAVE_MS)
            menu_leave(&c->menu);
        look_all(&c->look, &c->screen);
        draw(c, false);
    }
}

int main(int argc, char **argv)
{
    static struct console c;
    int rc;

    if (argc != 4) {
        dprintf(STDERR_FILENO, "usage: penstock-console STATE HELPER FIRST\n");
        return 2;
    }
    signal(SIGHUP, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    c.look = (struct look){.state = argv[1], .helper = argv[2], .first = argv[3]};
    rc = terminal_deafen(STDIN_FILENO);
    if (!rc) {
        look_all(&c.look, &c.screen);
        draw(&c, false);
        rc = run(&c);
    }
    secret_wipe(&c, sizeof c);
    dprintf(STDERR_FILENO, "penstock-console: the terminal: %s\n", strerror(-rc));
    return 1;
}
