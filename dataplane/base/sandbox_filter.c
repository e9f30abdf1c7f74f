#include "dataplane/base/sandbox_parts.h"

#include <errno.h>
#include <seccomp.h>
#include <string.h>
#include <unistd.h>

#include "dataplane/base/check.h"
#include "dataplane/base/sandbox_calls.h"

#define REFUSED SCMP_ACT_ERRNO(EPERM)

static int failed(struct err *e, int rc, const char *step)
{
    return err_set(e, rc, "sandbox", "a kernel with CONFIG_SECCOMP_FILTER, and libseccomp 2.5",
                   "seccomp %s: %s", step, strerror(-rc));
}

static int add_call(scmp_filter_ctx ctx, const struct sandbox_call *call)
{
    struct scmp_arg_cmp cmp[SANDBOX_CONDS];
    unsigned n = 0;

    for (size_t i = 0; i < SANDBOX_CONDS; i++) {
        const struct sandbox_cond *c = &call->cond[i];

        if (c->mask)
            cmp[n++] = (struct scmp_arg_cmp){c->arg, SCMP_CMP_MASKED_EQ, c->mask, c->value};
    }
    return seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, call->nr, n, cmp);
}

static int add_set(scmp_filter_ctx ctx, const struct sandbox_set *set, struct err *e)
{
    for (size_t i = 0; i < set->n; i++) {
        int rc = add_call(ctx, &set->calls[i]);

        if (rc < 0)
            return failed(e, rc, set->calls[i].name);
    }
    return 0;
}

/* The rows that no table can hold. */
static int add_special(scmp_filter_ctx ctx, struct err *e)
{
    struct scmp_arg_cmp self = {0, SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0};
    int rc = seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, &self);

    if (rc < 0) /* without it abort() would not die of SIGABRT */
        return failed(e, rc, "tgkill");
    /*
     * clone3 hides its flags behind a pointer, so that a filter can not tell a thread from a
     * process. Told that there is none, glibc makes threads with clone, whose flags are seen.
     */
    rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
    return rc < 0 ? failed(e, rc, "clone3") : 0;
}

static int set_attributes(scmp_filter_ctx ctx, struct err *e)
{
    static const struct {
        enum scmp_filter_attr attr;
        uint32_t value;
    } attributes[] = {
        {SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS},
        {SCMP_FLTATR_CTL_NNP, 1},
        {SCMP_FLTATR_CTL_TSYNC, 1},    /* a sanitizer may run a thread of its own */
        {SCMP_FLTATR_CTL_OPTIMIZE, 2}, /* a binary tree: the calls of the data plane are many */
        {SCMP_FLTATR_API_SYSRAWRC, 1}, /* the kernel's own errors */
    };

    for (size_t i = 0; i < ARRAY_LEN(attributes); i++) {
        int rc = seccomp_attr_set(ctx, attributes[i].attr, attributes[i].value);

        if (rc < 0)
            return failed(e, rc, "attributes");
    }
    return 0;
}

int sandbox_filter_load(enum sandbox_profile profile, struct err *e)
{
    const struct sandbox_set *set = sandbox_calls(profile);
    scmp_filter_ctx ctx;
    int rc;

    if (!set || !set->n)
        return failed(e, -EINVAL, "profile");
    ctx = seccomp_init(REFUSED);
    if (!ctx)
        return failed(e, -ENOMEM, "init");
    rc = set_attributes(ctx, e);
    for (size_t i = 0; !rc && i < SANDBOX_SETS && set[i].n; i++)
        rc = add_set(ctx, &set[i], e);
    if (!rc)
        rc = add_set(ctx, &sandbox_sanitizer_calls, e);
    if (!rc)
        rc = add_special(ctx, e);
    if (!rc) {
        rc = seccomp_load(ctx);
        if (rc)
            rc = failed(e, rc < 0 ? rc : -EBUSY,
                        "load"); /* above 0: a thread that can not follow */
    }
    seccomp_release(ctx);
    return rc;
}
