/*
 * What the sandbox gives a sanitizer's run time on top of a profile. This is a file of its own so
 * that the profiles stay free of conditions; in a build without sanitizers the table is empty.
 */
#include "dataplane/base/sandbox_calls.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif

#ifdef SANITIZED
#include <sanitizer/lsan_interface.h>
#include <seccomp.h>
#include <sys/prctl.h>

#include "dataplane/base/check.h"

static const struct sandbox_call calls[] = {
    /* UBSan asks whether an address can be read by writing from it into a pipe. */
    {SCMP_SYS(pipe), "pipe", {{0}}},
    {SCMP_SYS(pipe2), "pipe2", {{0}}},
    {SCMP_SYS(getrlimit), "getrlimit", {{0}}},
    {SCMP_SYS(prlimit64), "prlimit64", {{2, UINT64_MAX, 0}}},
    {SCMP_SYS(prctl), "prctl", {{0, UINT32_MAX, PR_SET_NAME}}},
    {SCMP_SYS(prctl), "prctl", {{0, UINT32_MAX, PR_GET_NO_NEW_PRIVS}}},
};

const struct sandbox_set sandbox_sanitizer_calls = {calls, ARRAY_LEN(calls)};
const unsigned sandbox_sanitizer_threads = 1; /* TSan's own */

/*
 * The leak checker traces its own process from a clone when main returns: exactly what a sandboxed
 * process may not do. It is switched off there; unit tests of the same code run it.
 */
int __lsan_is_turned_off(void)
{
    return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
}
#else
const struct sandbox_set sandbox_sanitizer_calls = {NULL, 0};
const unsigned sandbox_sanitizer_threads = 0;
#endif
