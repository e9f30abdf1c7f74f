#include "handshake/fibre_sanitizer.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WATCHED_BY_ASAN 1
#elif __has_feature(thread_sanitizer)
#define WATCHED_BY_TSAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define WATCHED_BY_ASAN 1
#elif defined(__SANITIZE_THREAD__)
#define WATCHED_BY_TSAN 1
#endif

#if defined(WATCHED_BY_ASAN)
#include <sanitizer/common_interface_defs.h>

void fibre_sanitizer_init(struct fibre_sanitizer *w, const void *stack, size_t size)
{
    w->stack = stack;
    w->size = size;
}

void fibre_sanitizer_fini(struct fibre_sanitizer *w)
{
    (void)w;
}

void fibre_sanitizer_enters(struct fibre_sanitizer *w)
{
    __sanitizer_start_switch_fiber(&w->outer_fake, w->stack, w->size);
}

void fibre_sanitizer_arrived(struct fibre_sanitizer *w)
{
    __sanitizer_finish_switch_fiber(w->fake, &w->outer_stack, &w->outer_size);
}

void fibre_sanitizer_leaves(struct fibre_sanitizer *w, bool for_good)
{
    __sanitizer_start_switch_fiber(for_good ? NULL : &w->fake, w->outer_stack, w->outer_size);
}

void fibre_sanitizer_back(struct fibre_sanitizer *w)
{
    __sanitizer_finish_switch_fiber(w->outer_fake, NULL, NULL);
}

#elif defined(WATCHED_BY_TSAN)
#include <sanitizer/tsan_interface.h>

void fibre_sanitizer_init(struct fibre_sanitizer *w, const void *stack, size_t size)
{
    (void)stack;
    (void)size;
    w->fibre = __tsan_create_fiber(0);
}

void fibre_sanitizer_fini(struct fibre_sanitizer *w)
{
    __tsan_destroy_fiber(w->fibre);
}

void fibre_sanitizer_enters(struct fibre_sanitizer *w)
{
    w->outer_fibre = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(w->fibre, 0);
}

void fibre_sanitizer_arrived(struct fibre_sanitizer *w)
{
    (void)w;
}

void fibre_sanitizer_leaves(struct fibre_sanitizer *w, bool for_good)
{
    (void)for_good;
    __tsan_switch_to_fiber(w->outer_fibre, 0);
}

void fibre_sanitizer_back(struct fibre_sanitizer *w)
{
    (void)w;
}

#else

void fibre_sanitizer_init(struct fibre_sanitizer *w, const void *stack, size_t size)
{
    (void)w;
    (void)stack;
    (void)size;
}

void fibre_sanitizer_fini(struct fibre_sanitizer *w)
{
    (void)w;
}

void fibre_sanitizer_enters(struct fibre_sanitizer *w)
{
    (void)w;
}

void fibre_sanitizer_arrived(struct fibre_sanitizer *w)
{
    (void)w;
}

void fibre_sanitizer_leaves(struct fibre_sanitizer *w, bool for_good)
{
    (void)w;
    (void)for_good;
}

void fibre_sanitizer_back(struct fibre_sanitizer *w)
{
    (void)w;
}
#endif
