#include "mgmt/model/model_log.h"

#include <errno.h>
#include <string.h>
#include "dataplane/base/check.h"

static int need_text(const struct node *n, const char *fix)
{
    const char *text;
    int rc = node_required(n, fix);

    return rc ? rc : node_string(n, &text);
}

static int judge_least(const struct node *n)
{
    static const char *const words[] = {"info", "warn", "error"};
    const char *word;
    int rc = n->v ? node_string(n, &word) : 0;

    if (rc || !n->v)
        return rc;
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (!strcmp(word, words[i]))
            return 0;
    return node_fail(n, "give \"info\", \"warn\" or \"error\"", "is no level of log lines");
}

static int judge_syslog(const struct node *n)
{
    static const char *const known[] = {"to", "identity", "trust", "server_name", "least", NULL};
    struct node to, identity, trust, name, least;
    int rc = node_object(n, known);

    if (rc)
        return rc;
    to = node_member(n, "to");
    identity = node_member(n, "identity");
    trust = node_member(n, "trust");
    name = node_member(n, "server_name");
    least = node_member(n, "least");
    rc = node_required(&to, "give the collector's HOST:PORT, such as \"logs.example:6514\"");
    if (!rc)
        rc = need_text(&identity, "name the identity that is shown to the collector");
    if (!rc)
        rc = need_text(&trust, "name the trust that the collector's certificate is checked with");
    if (!rc)
        rc = need_text(&name, "give the name that stands in the collector's certificate");
    return rc ? rc : judge_least(&least);
}

int model_log(const struct node *n)
{
    static const char *const known[] = {"syslog", NULL};
    struct node syslog;
    int rc = n->v ? node_object(n, known) : 0;

    if (rc || !n->v)
        return rc;
    syslog = node_member(n, "syslog");
    return syslog.v ? judge_syslog(&syslog) : 0;
}
