/* keyring_backup: do private keys leave and come back under a backup's passphrase, and no other
 * way?
 */
#include "tests/unit/vault_ask.h"

#include <errno.h>
#include "dataplane/base/log.h"

static struct vault_answer derive(const struct kek *kek, const char *passphrase, uint8_t salt)
{
    struct vault_backup m = {.request = 7,
                             .head = {BACKUP_VERSION, BACKUP_LOG2_N_MIN, BACKUP_R, 1, {salt}},
                             .passphrase = ask_text(passphrase)};

    return ASK(kek, VAULT_BACKUP, vault_put_backup, &m, -1);
}

static struct vault_answer rewrap(const struct kek *kek, uint8_t restore, struct vault_bytes sealed,
                                  struct vault_bytes key)
{
    struct vault_rewrap m = {7, restore, sealed, key};

    return ASK(kek, VAULT_REWRAP, vault_put_rewrap, &m, -1);
}

/* The backup's key of one box. */
static struct vault_bytes sealed(const struct kek *kek, const char *passphrase, uint8_t salt)
{
    struct vault_answer a = derive(kek, passphrase, salt);

    EXPECT(a.error == 0 && a.stream.n == BACKUP_KEY && a.sealed.n == WRAP_KEK);
    return ask_keep(a.sealed);
}

#define PHRASE "correct horse battery"

TEST("a key of each sort leaves one box and opens on another, for the same passphrase and salt "
     "alone")
{
    struct kek *old = ask_kek(1), *new = ask_kek(2);
    struct vault_bytes out = sealed(old, PHRASE, 1), in = sealed(new, PHRASE, 1);
    struct vault_bytes wrong = sealed(new, PHRASE "!", 1), salted = sealed(new, PHRASE, 2);

    for (size_t i = 0; i < N_KINDS; i++) {
        struct vault_bytes key = try_key(old, kinds[i]), moved, spki;
        struct vault_answer a;
        EVP_PKEY *back;

        if (!key.n)
            continue;
        a = rewrap(old, 0, out, key);
        EXPECT(a.error == 0 && a.spki.n);
        moved = ask_keep(a.key);
        spki = ask_keep(a.spki);
        EXPECT(wrap_open(old, moved.p, moved.n, "", &back, NULL) == -EKEYREJECTED);
        EXPECT(wrap_open(new, moved.p, moved.n, "", &back, NULL) == -EKEYREJECTED);
        a = rewrap(new, 1, wrong, moved);
        EXPECT(a.error == EKEYREJECTED && !a.key.n);
        a = rewrap(new, 1, salted, moved);
        EXPECT(a.error == EKEYREJECTED && !a.key.n);
        a = rewrap(new, 1, in, moved);
        EXPECT(a.error == 0 && a.spki.n == spki.n && !memcmp(a.spki.p, spki.p, spki.n));
        EXPECT(wrap_open(new, a.key.p, a.key.n, "", &back, NULL) == 0);
        EVP_PKEY_free(back);
    }
    kek_free(new);
    kek_free(old);
}

TEST("the stream's key is the same on both boxes, and opens no private key")
{
    struct kek *old = ask_kek(1), *new = ask_kek(2), *stream;
    struct vault_bytes key = ask_key(old, VAULT_EC_P256), moved;
    struct vault_answer a = derive(old, PHRASE, 1);
    uint8_t bytes[BACKUP_KEY];
    EVP_PKEY *back;

    memcpy(bytes, a.stream.p, sizeof bytes);
    a = derive(new, PHRASE, 1);
    EXPECT(!memcmp(bytes, a.stream.p, sizeof bytes));
    moved = ask_keep(rewrap(old, 0, sealed(old, PHRASE, 1), key).key);
    stream = kek_take(bytes);
    EXPECT(wrap_open(stream, moved.p, moved.n, "", &back, NULL) == -EKEYREJECTED);
    kek_free(stream);
    kek_free(new);
    kek_free(old);
}

TEST("a backup's key that was changed, cut, or is of another box opens nothing; a short passphrase "
     "is refused")
{
    struct kek *kek = ask_kek(1), *other = ask_kek(2);
    struct vault_bytes good = sealed(kek, PHRASE, 1), key = ask_key(kek, VAULT_ED25519);
    uint8_t bad[WRAP_KEK];
    struct vault_answer a;

    for (size_t i = 0; i < good.n; i++) {
        memcpy(bad, good.p, good.n);
        bad[i] ^= 1 << (i % 8);
        a = rewrap(kek, 0, (struct vault_bytes){bad, good.n}, key);
        EXPECT(a.error == EKEYREJECTED && !a.key.n);
    }
    a = rewrap(kek, 0, (struct vault_bytes){good.p, good.n - 1}, key);
    EXPECT(a.error == EKEYREJECTED);
    a = rewrap(kek, 0, (struct vault_bytes){NULL, 0}, key);
    EXPECT(a.error == EKEYREJECTED);
    a = rewrap(other, 0, good, key);
    EXPECT(a.error == EKEYREJECTED);
    a = rewrap(NULL, 0, good, key);
    EXPECT(ask_says(&a, ENOKEY, "no key-encryption key"));
    a = derive(NULL, PHRASE, 1);
    EXPECT(ask_says(&a, ENOKEY, "no key-encryption key"));
    a = derive(kek, "eleven char", 1);
    EXPECT(ask_says(&a, EINVAL, "at least 12 bytes") && !a.stream.n);
    kek_free(other);
    kek_free(kek);
}

int main(void)
{
    log_init("test", LOG_ERROR + 1);
    return test_run();
}
