/* fibre: can a step be left in the middle, gone on with in any order, and never twice? */
#include "handshake/fibre.h"

#include <string.h>

#include "tests/unit/test.h"

struct walk {
    struct fibre *fibre;
    unsigned steps, at;
    int seen;
};

static void walk(void *arg)
{
    struct walk *w = arg;
    unsigned kept = w->steps; /* on the fibre's own stack */
    char room[4096];

    for (; w->at < kept; w->at++) {
        memset(room, (int)w->at, sizeof(room));
        fibre_pause(w->fibre);
        w->seen += room[sizeof(room) - 1] == (char)w->at;
    }
}

TEST("a fibre that never pauses ends at once")
{
    struct walk w = {.steps = 0};

    w.fibre = fibre_new(walk, &w);
    EXPECT(w.fibre && fibre_run(w.fibre) && w.at == 0);
}

TEST("many fibres pause and go on in turn, each with its own stack as it was")
{
    struct walk w[100] = {{0}};
    unsigned ended = 0;

    for (unsigned i = 0; i < 100; i++) {
        w[i].steps = i % 7;
        w[i].fibre = fibre_new(walk, &w[i]);
        EXPECT(w[i].fibre != NULL);
    }
    for (unsigned round = 0; round < 8; round++) {
        for (unsigned k = 0; k < 100; k++) {
            struct walk *one = &w[(k * 37 + round) % 100];

            if (one->fibre && fibre_run(one->fibre)) {
                one->fibre = NULL;
                ended++;
            }
        }
    }
    EXPECT(ended == 100);
    for (unsigned i = 0; i < 100; i++)
        EXPECT(w[i].at == i % 7 && w[i].seen == (int)(i % 7));
}

static void once(void *arg)
{
    struct walk *w = arg;

    fibre_pause(w->fibre);
    w->seen = 1;
}

TEST("one that is gone on with much later still knows where it was")
{
    struct walk first = {0}, second = {0};

    first.fibre = fibre_new(once, &first);
    EXPECT(!fibre_run(first.fibre));
    for (unsigned i = 0; i < 1000; i++) {
        second.fibre = fibre_new(once, &second);
        EXPECT(!fibre_run(second.fibre) && fibre_run(second.fibre));
    }
    EXPECT(first.seen == 0 && fibre_run(first.fibre) && first.seen == 1);
}

int main(void)
{
    return test_run();
}
