/* What mgmt asks the vault, and what it is told. fuzz: max_len=8192 */
#include "dataplane/wire/vault.h"
#include "tests/fuzz/fuzz.h"

static uint8_t out[1 << 20];

FUZZ_ROUND(make, vault_get_make, vault_put_make, struct vault_make);
FUZZ_ROUND(import, vault_get_import, vault_put_import, struct vault_import);
FUZZ_ROUND(wrap, vault_get_wrap, vault_put_wrap, struct vault_wrap);
FUZZ_ROUND(csr, vault_get_csr, vault_put_csr, struct vault_csr);
FUZZ_ROUND(issue, vault_get_issue, vault_put_issue, struct vault_issue);
FUZZ_ROUND(prove, vault_get_prove, vault_put_prove, struct vault_prove);
FUZZ_ROUND(backup, vault_get_backup, vault_put_backup, struct vault_backup);
FUZZ_ROUND(rewrap, vault_get_rewrap, vault_put_rewrap, struct vault_rewrap);
FUZZ_ROUND(answer, vault_get_answer, vault_put_answer, struct vault_answer);

static const struct fuzz_kind kinds[] = {
    {VAULT_MAKE, round_make},     {VAULT_IMPORT, round_import}, {VAULT_WRAP, round_wrap},
    {VAULT_CSR, round_csr},       {VAULT_ISSUE, round_issue},   {VAULT_PROVE, round_prove},
    {VAULT_BACKUP, round_backup}, {VAULT_REWRAP, round_rewrap}, {VAULT_ANSWER, round_answer},
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    fuzz_by_type(kinds, ARRAY_LEN(kinds), data, n);
    return 0;
}
