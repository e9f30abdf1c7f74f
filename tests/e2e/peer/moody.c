/*
 * moody: a PKCS#11 module that is SoftHSM with moods: what its signatures do is said by the file
 * $MOODY_FILE, read each time.
 *
 *   (empty)    as SoftHSM does           slow MS    after that many milliseconds
 *   hang       not before the file says otherwise
 *   fail N     the error of that number  once N     the same, for the first that meets it
 *
 * Why: a token of silicon is removed, stalls and forgets its sessions; a software token does not.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <p11-kit/pkcs11.h>

#define REAL "/usr/lib/softhsm/libsofthsm2.so"

static CK_FUNCTION_LIST real, ours;
static char last[64]; /* mood that a signature met */

static void read_mood(char *mood, size_t n)
{
    const char *path = getenv("MOODY_FILE");
    FILE *f = path ? fopen(path, "re") : NULL;

    mood[0] = '\0';
    if (f && !fgets(mood, (int)n, f))
        mood[0] = '\0';
    if (f)
        fclose(f);
}

static void rest(long ms)
{
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};

    nanosleep(&t, NULL);
}

static CK_RV moody_sign(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG n, CK_BYTE *out,
                        CK_ULONG *n_out)
{
    char mood[sizeof(last)] = "";
    int met;

    read_mood(mood, sizeof(mood));
    while (!strncmp(mood, "hang", 4)) {
        rest(50);
        read_mood(mood, sizeof(mood));
    }
    if (!strncmp(mood, "slow ", 5))
        rest(strtol(mood + 5, NULL, 10));
    met = !strcmp(mood, last);
    memcpy(last, mood, sizeof(last));
    if (!strncmp(mood, "fail ", 5) || (!strncmp(mood, "once ", 5) && !met)) {
        (void)real.C_SignFinal(session, out, n_out); /* the operation is over, as it would be */
        return strtoul(mood + 5, NULL, 0);
    }
    return real.C_Sign(session, data, n, out, n_out);
}

CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list)
{
    void *library = dlopen(REAL, RTLD_NOW | RTLD_LOCAL);
    CK_C_GetFunctionList get;
    CK_FUNCTION_LIST *theirs;
    CK_RV rv;

    if (!library)
        return CKR_GENERAL_ERROR;
    *(void **)&get = dlsym(library, "C_GetFunctionList");
    rv = get ? get(&theirs) : CKR_GENERAL_ERROR;
    if (rv != CKR_OK)
        return rv;
    real = ours = *theirs;
    ours.C_Sign = moody_sign;
    *list = &ours;
    return CKR_OK;
}
