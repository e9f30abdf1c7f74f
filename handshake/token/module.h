/*
 * module: one PKCS#11 module, loaded into this process.
 *
 * Why: its constructors run while it is loaded, before the sandbox; all else that it does happens
 * inside. So loading and starting are two steps, and what goes wrong in either is kept to be told
 * to whoever names the module in a configuration.
 * Owner: main, for the life of the process; the functions are called from several threads, which
 * the module was told. Never: is unloaded while a thread may be in it.
 */
#ifndef PENSTOCK_TOKEN_MODULE_H
#define PENSTOCK_TOKEN_MODULE_H

#include <stdbool.h>
#include <p11-kit/pkcs11.h>

struct module {
    const char *path; /* borrowed */
    void *library;
    CK_FUNCTION_LIST *call; /* NULL: it is of no use, and `why` says why */
    bool started;
    char why[320];
};

/* Load the file. Before the sandbox. Failure is left in m->why. */
void module_load(struct module *m, const char *path);
/* C_Initialize, for use by several threads. In the sandbox. Failure is left in m->why. */
void module_start(struct module *m);
/* C_Finalize, when no other thread is in the module; it may be started again. */
void module_end(struct module *m);
/* "CKR_PIN_INCORRECT", or the number of one that has no name here; valid until the thread's next
 * call. */
const char *module_error(CK_RV rv);

#endif
