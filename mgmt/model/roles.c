#include "mgmt/model/roles.h"

#include <string.h>

const struct role_name role_names[ROLES] = {
    {ROLE_VIEWER, "viewer"},       {ROLE_OPERATOR, "operator"}, {ROLE_PKI_ADMIN, "pki-admin"},
    {ROLE_ADMIN, "admin"},         {ROLE_AUDITOR, "auditor"},   {ROLE_PARTNER, "partner"},
    {ROLE_BOOTSTRAP, "bootstrap"}, {ROLE_LOCAL, "local"},
};

unsigned role_of(const char *name)
{
    for (size_t i = 0; i < ROLES; i++)
        if (!strcmp(role_names[i].name, name))
            return role_names[i].role;
    return 0;
}
