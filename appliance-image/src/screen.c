#include "appliance-image/src/screen.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "dataplane/base/check.h"

#define RULE "------------------------------------------------------------------------------"

struct page {
    char *out;
    size_t n;
};

static void say(struct page *p, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(struct page *p, const char *format, ...)
{
    va_list words;
    int n;

    va_start(words, format);
    n = vsnprintf(p->out + p->n, SCREEN_MAX - p->n, format, words);
    va_end(words);
    if (n > 0)
        p->n = p->n + (size_t)n < SCREEN_MAX ? p->n + (size_t)n : SCREEN_MAX - 1;
}

static void draw_slots(struct page *p, const struct system_status *s)
{
    for (unsigned i = 0; i < SYSTEM_SLOTS; i++) {
        const struct system_slot *slot = &s->slots[i];

        say(p, "slot %c   ", "ab"[i]);
        if (slot->version)
            say(p, "%" PRIu64 ", ", slot->version);
        say(p, "%s%s\n", system_slot_states[slot->state], i == s->running ? ", runs" : "");
    }
}

static void draw_state(struct page *p, const struct screen *s)
{
    say(p, "%s\n", s->ready ? "penstock ready" : "the gateway is not ready");
    for (unsigned i = 0; i < s->n_addresses; i++)
        say(p, "address %s %s\n", s->addresses[i].interface, s->addresses[i].text);
    if (!s->n_addresses)
        say(p, "no address: DHCP has given none\n");
    if (s->more)
        say(p, "and more addresses\n");
    if (s->helped)
        draw_slots(p, &s->status);
    if (s->first[0])
        say(p, "\n%s", s->first);
    /* Before a revision runs, nobody can use one, and nobody knows yet whether there is one. */
    if (s->ready && s->token[0])
        say(p, "\n%s", s->token);
    else if (s->ready)
        say(p, "\nthe token is closed\nserver-spki-sha256 %s\n", s->server);
}

static void draw_list(struct page *p)
{
    say(p, "Press a key:\n");
    for (size_t i = 0; i < ARRAY_LEN(menu_items); i++)
        say(p, "  %c  %s\n", menu_items[i].key, menu_items[i].name);
}

/* The lines that are there, and the one that is typed. */
static void draw_form(struct page *p, const struct menu *m)
{
    for (unsigned i = 0; i < FORM_FIELDS && i <= m->field; i++)
        say(p, "%-13s %s%s\n", form_lines[i].name, i < m->field ? m->form.values[i] : m->line,
            i == m->field && m->too_long ? "..." : "");
    if (m->fills)
        say(p, "\n%s: %s\nEnter ends a line; " MENU_LEAVE " alone leaves all as it is.\n",
            form_lines[m->field].name, form_lines[m->field].hint);
    else
        say(p, "\n");
}

static void draw_question(struct page *p, const struct menu *m)
{
    const struct menu_item *asked = menu_asked(m);

    if (m->asks == MENU_NETWORK)
        draw_form(p, m);
    if (m->fills)
        return;
    if (m->word)
        say(p, "Type the word %s and Enter; anything else keeps all as it is.\n> %s%s", MENU_WORD,
            m->line, m->too_long ? "..." : "");
    else
        say(p, "%s\n\n  y  yes        any other key: no\n", asked ? asked->question : "");
}

size_t screen_draw(const struct screen *s, const struct menu *m, char out[SCREEN_MAX])
{
    struct page p = {.out = out};

    out[0] = '\0';
    say(&p, "Penstock\n" RULE "\n");
    draw_state(&p, s);
    say(&p, RULE "\n");
    if (s->news[0])
        say(&p, "%s\n\n", s->news);
    if (m->asks)
        draw_question(&p, m);
    else
        draw_list(&p);
    return p.n;
}
