#include "handshake/fibre.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "handshake/fibre_sanitizer.h"

#define GUARD 4096

struct fibre {
    ucontext_t inside, outside;
    void (*fn)(void *arg);
    void *arg;
    uint8_t *memory; /* the guard, then the stack */
    bool ended;
    struct fibre_sanitizer watched;
};

/* makecontext() passes int only: a pointer comes in two halves. */
static void begin(unsigned high, unsigned low)
{
    struct fibre *f = (struct fibre *)(uintptr_t)((uint64_t)high << 32 | low);

    fibre_sanitizer_arrived(&f->watched);
    f->fn(f->arg);
    f->ended = true;
    fibre_sanitizer_leaves(&f->watched, true);
    swapcontext(&f->inside, &f->outside);
}

/* getcontext() returns once, but the compiler does not believe it of a function with more in it. */
static int shape(struct fibre *f)
{
    uint64_t self = (uint64_t)(uintptr_t)f;

    if (getcontext(&f->inside))
        return -1;
    f->inside.uc_stack.ss_sp = f->memory + GUARD;
    f->inside.uc_stack.ss_size = FIBRE_STACK;
    f->inside.uc_link = NULL;
    makecontext(&f->inside, (void (*)(void))begin, 2, (unsigned)(self >> 32), (unsigned)self);
    return 0;
}

struct fibre *fibre_new(void (*fn)(void *arg), void *arg)
{
    struct fibre *f = calloc(1, sizeof(*f));

    if (!f)
        return NULL;
    f->memory = mmap(NULL, GUARD + FIBRE_STACK, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (f->memory == MAP_FAILED) {
        free(f);
        return NULL;
    }
    if (mprotect(f->memory, GUARD, PROT_NONE) || shape(f)) {
        munmap(f->memory, GUARD + FIBRE_STACK);
        free(f);
        return NULL;
    }
    f->fn = fn;
    f->arg = arg;
    fibre_sanitizer_init(&f->watched, f->memory + GUARD, FIBRE_STACK);
    return f;
}

bool fibre_run(struct fibre *f)
{
    fibre_sanitizer_enters(&f->watched);
    swapcontext(&f->outside, &f->inside);
    fibre_sanitizer_back(&f->watched);
    if (!f->ended)
        return false;
    fibre_sanitizer_fini(&f->watched);
    munmap(f->memory, GUARD + FIBRE_STACK); /* with whatever secrets the step left on it */
    free(f);
    return true;
}

void fibre_pause(struct fibre *f)
{
    fibre_sanitizer_leaves(&f->watched, false);
    swapcontext(&f->inside, &f->outside);
    fibre_sanitizer_arrived(&f->watched);
}
