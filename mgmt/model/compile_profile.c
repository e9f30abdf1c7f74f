/* Profiles: word lists as OpenSSL takes them; the built-in default adapts to the OpenSSL that is
 * here. */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include "dataplane/base/check.h"
#include "dataplane/wire/suite.h"
#include "mgmt/model/compile_parts.h"

static const char *const default_groups[] = {"X25519MLKEM768", "X25519", "P-256", "P-384", NULL};
static const char *const default_sigalgs[] = {"mldsa65",
                                              "mldsa87",
                                              "mldsa44",
                                              "ecdsa_secp256r1_sha256",
                                              "ecdsa_secp384r1_sha384",
                                              "ed25519",
                                              "rsa_pss_rsae_sha256",
                                              "rsa_pss_rsae_sha384",
                                              "rsa_pss_rsae_sha512",
                                              "rsa_pss_pss_sha256",
                                              "rsa_pss_pss_sha384",
                                              "rsa_pss_pss_sha512",
                                              NULL};

/* What an operator may name: nothing below 112 bits, nothing with SHA-1. */
static const char *const all_groups[] = {"X25519MLKEM768",
                                         "SecP256r1MLKEM768",
                                         "SecP384r1MLKEM1024",
                                         "MLKEM768",
                                         "MLKEM1024",
                                         "X25519",
                                         "X448",
                                         "P-256",
                                         "P-384",
                                         "P-521",
                                         "secp256r1",
                                         "secp384r1",
                                         "secp521r1",
                                         NULL};
static const char *const all_sigalgs[] = {"mldsa44",
                                          "mldsa65",
                                          "mldsa87",
                                          "ecdsa_secp256r1_sha256",
                                          "ecdsa_secp384r1_sha384",
                                          "ecdsa_secp521r1_sha512",
                                          "ed25519",
                                          "ed448",
                                          "rsa_pss_rsae_sha256",
                                          "rsa_pss_rsae_sha384",
                                          "rsa_pss_rsae_sha512",
                                          "rsa_pss_pss_sha256",
                                          "rsa_pss_pss_sha384",
                                          "rsa_pss_pss_sha512",
                                          "rsa_pkcs1_sha256",
                                          "rsa_pkcs1_sha384",
                                          "rsa_pkcs1_sha512",
                                          NULL};

static void append(char *list, size_t cap, const char *word)
{
    size_t n = strlen(list);

    snprintf(list + n, cap - n, "%s%s", n ? ":" : "", word);
}

static bool known(const char *word, bool group)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_method());
    char *list = (char *)(uintptr_t)word; /* OpenSSL's macros want it so, and only read */
    bool ok = ctx && (group ? SSL_CTX_set1_groups_list(ctx, list)
                            : SSL_CTX_set1_sigalgs_list(ctx, list)) == 1;

    SSL_CTX_free(ctx);
    ERR_clear_error();
    return ok;
}

/* What of the built-in list this OpenSSL has. */
static void append_known(char *list, size_t cap, const char *const *words, bool group)
{
    for (unsigned i = 0; words[i]; i++)
        if (known(words[i], group))
            append(list, cap, words[i]);
}

static bool listed(const char *const *words, const char *word)
{
    for (; *words; words++)
        if (!strcmp(*words, word))
            return true;
    return false;
}

/* Each name once, of the list that is offered, and known to this OpenSSL. */
static int append_given(char *list, size_t cap, const struct model_strings *words, bool group,
                        const char *profile, struct err *e)
{
    char where[160];

    for (unsigned i = 0; i < words->n; i++) {
        const char *word = words->s[i];

        snprintf(where, sizeof where, "/profiles/%s/%s/%u", profile,
                 group ? "groups" : "signature_algorithms", i);
        if (!listed(group ? all_groups : all_sigalgs, word))
            return err_set(e, -EINVAL, where,
                           group ? "give names such as X25519, P-256, P-384, X25519MLKEM768"
                                 : "give names such as ecdsa_secp256r1_sha256, ed25519, "
                                   "rsa_pss_rsae_sha256",
                           "\"%s\" is not offered", word);
        if (!known(word, group))
            return err_set(e, -EINVAL, where, "leave it out, or use a newer OpenSSL",
                           "OpenSSL %s has no %s", OpenSSL_version(OPENSSL_VERSION_STRING), word);
        for (unsigned k = 0; k < i; k++)
            if (!strcmp(words->s[k], word))
                return err_set(e, -EINVAL, where, "name it once", "%s is named twice", word);
        append(list, cap, word);
    }
    return 0;
}

static void append_suites(struct policy_profile *p, const struct model_strings *given)
{
    bool any12 = false, any13 = false;

    for (unsigned i = 0; i < given->n; i++) {
        const struct suite *s = suite_by_name(given->s[i]);
        if (s->version == TLS13)
            append(p->suites13, sizeof p->suites13, s->openssl_name);
        else
            append(p->suites12, sizeof p->suites12, s->openssl_name);
        any12 |= s->version == TLS12;
        any13 |= s->version == TLS13;
    }
    for (size_t i = 0; suite_at(i); i++) {
        const struct suite *s = suite_at(i);
        if (s->version == TLS13 && p->tls13 && !any13)
            append(p->suites13, sizeof p->suites13, s->openssl_name);
        if (s->version == TLS12 && p->tls12 && !any12)
            append(p->suites12, sizeof p->suites12, s->openssl_name);
    }
}

static int compile_one(const struct model_profile *m, struct policy_profile *p, struct err *e)
{
    int rc;

    snprintf(p->name, sizeof p->name, "%s", m->name);
    p->tls12 = m->tls12;
    p->tls13 = m->tls13;
    append_suites(p, &m->suites);
    if (m->groups.n == 0)
        append_known(p->groups, sizeof p->groups, default_groups, true);
    rc = append_given(p->groups, sizeof p->groups, &m->groups, true, m->name, e);
    if (m->sigalgs.n == 0)
        append_known(p->sigalgs, sizeof p->sigalgs, default_sigalgs, false);
    return rc ? rc : append_given(p->sigalgs, sizeof p->sigalgs, &m->sigalgs, false, m->name, e);
}

int compile_profiles(struct compiled *c, const struct model *m, struct err *e)
{
    static const struct model_profile builtin = {.name = "default", .tls13 = true};
    struct policy *p = &c->policy;
    int rc;

    p->profiles = compile_alloc(c, (m->n_profiles + 1) * sizeof *p->profiles);
    if (!p->profiles)
        return compile_memory(e);
    rc = compile_one(&builtin, &p->profiles[p->n_profiles++], e); /* index 0 */
    for (unsigned i = 0; i < m->n_profiles && !rc; i++)
        rc = compile_one(&m->profiles[i], &p->profiles[p->n_profiles++], e);
    return rc;
}
