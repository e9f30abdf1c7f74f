#include "handshake/token/module.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "dataplane/base/check.h"

static void useless(struct module *m, const char *what, const char *why)
{
    m->call = NULL;
    snprintf(m->why, sizeof(m->why), "%s (%s)", what, why ? why : "no reason given");
}

void module_load(struct module *m, const char *path)
{
    CK_C_GetFunctionList get;
    CK_RV rv;

    memset(m, 0, sizeof(*m));
    m->path = path;
    m->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!m->library) {
        useless(m, "can not be loaded", dlerror());
        return;
    }
    *(void **)&get = dlsym(m->library, "C_GetFunctionList");
    if (!get) {
        useless(m, "is no PKCS#11 module", "it has no C_GetFunctionList");
        return;
    }
    rv = get(&m->call);
    if (rv != CKR_OK || !m->call)
        useless(m, "gives no functions", module_error(rv));
    else if (m->call->version.major != 2)
        useless(m, "speaks another PKCS#11 than version 2", "C_GetFunctionList");
}

void module_start(struct module *m)
{
    CK_C_INITIALIZE_ARGS args = {.flags = CKF_OS_LOCKING_OK};
    CK_RV rv;

    if (!m->call)
        return;
    rv = m->call->C_Initialize(&args);
    m->started = rv == CKR_OK || rv == CKR_CRYPTOKI_ALREADY_INITIALIZED;
    if (!m->started)
        useless(m, "can not be started", module_error(rv));
}

void module_end(struct module *m)
{
    if (m->started)
        (void)m->call->C_Finalize(NULL);
    m->started = false;
}

#define NAME(rv)                                                                                   \
    {                                                                                              \
        rv, #rv                                                                                    \
    }

static const struct {
    CK_RV rv;
    const char *name;
} names[] = {
    NAME(CKR_OK),
    NAME(CKR_HOST_MEMORY),
    NAME(CKR_SLOT_ID_INVALID),
    NAME(CKR_GENERAL_ERROR),
    NAME(CKR_FUNCTION_FAILED),
    NAME(CKR_ARGUMENTS_BAD),
    NAME(CKR_ATTRIBUTE_TYPE_INVALID),
    NAME(CKR_DATA_LEN_RANGE),
    NAME(CKR_DEVICE_ERROR),
    NAME(CKR_DEVICE_MEMORY),
    NAME(CKR_DEVICE_REMOVED),
    NAME(CKR_FUNCTION_NOT_SUPPORTED),
    NAME(CKR_KEY_HANDLE_INVALID),
    NAME(CKR_KEY_SIZE_RANGE),
    NAME(CKR_KEY_TYPE_INCONSISTENT),
    NAME(CKR_KEY_FUNCTION_NOT_PERMITTED),
    NAME(CKR_MECHANISM_INVALID),
    NAME(CKR_MECHANISM_PARAM_INVALID),
    NAME(CKR_OBJECT_HANDLE_INVALID),
    NAME(CKR_OPERATION_ACTIVE),
    NAME(CKR_OPERATION_NOT_INITIALIZED),
    NAME(CKR_PIN_INCORRECT),
    NAME(CKR_PIN_INVALID),
    NAME(CKR_PIN_LEN_RANGE),
    NAME(CKR_PIN_EXPIRED),
    NAME(CKR_PIN_LOCKED),
    NAME(CKR_SESSION_CLOSED),
    NAME(CKR_SESSION_COUNT),
    NAME(CKR_SESSION_HANDLE_INVALID),
    NAME(CKR_TOKEN_NOT_PRESENT),
    NAME(CKR_TOKEN_NOT_RECOGNIZED),
    NAME(CKR_USER_ALREADY_LOGGED_IN),
    NAME(CKR_USER_NOT_LOGGED_IN),
    NAME(CKR_USER_PIN_NOT_INITIALIZED),
    NAME(CKR_USER_ANOTHER_ALREADY_LOGGED_IN),
    NAME(CKR_USER_TOO_MANY_TYPES),
    NAME(CKR_BUFFER_TOO_SMALL),
    NAME(CKR_CRYPTOKI_NOT_INITIALIZED),
    NAME(CKR_MUTEX_BAD),
    NAME(CKR_FUNCTION_REJECTED),
};

const char *module_error(CK_RV rv)
{
    static _Thread_local char number[32];

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (names[i].rv == rv)
            return names[i].name;
    }
    snprintf(number, sizeof(number), "CKR 0x%lx", (unsigned long)rv);
    return number;
}
