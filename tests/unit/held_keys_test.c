/* store/keys: are encrypted keys kept by their public half, and only those of files forgotten? */
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mgmt/store/pem.h"
#include "mgmt/store/keys.h"
#include "tests/unit/test.h"

static char where[64];
static const uint8_t wrapped[] = "PSKEY1 not in clear";

static void begin(void)
{
    snprintf(where, sizeof where, "/tmp/penstock-keys-XXXXXX");
    EXPECT(mkdtemp(where) && !chdir(where) && !keys_init() && !keys_init());
}

static void end(void)
{
    json_t *all = keys_list(), *row;
    size_t i;

    json_array_foreach(all, i, row)(void)
        keys_remove(json_string_value(json_object_get(row, "id")));
    json_decref(all);
    EXPECT(!rmdir("keys") && !chdir("/") && !rmdir(where));
}

static void keep(const char *type, size_t bits, const char *origin, char ref[KEYS_REF_MAX])
{
    EVP_PKEY *key = bits ? EVP_PKEY_Q_keygen(NULL, NULL, type, bits)
                         : EVP_PKEY_Q_keygen(NULL, NULL, type);
    unsigned char *spki = NULL;
    int n = i2d_PUBKEY(key, &spki);
    char kind[64];
    struct keys_row row = {.wrapped = wrapped,
                           .n_wrapped = sizeof wrapped,
                           .spki = spki,
                           .n_spki = (size_t)n,
                           .origin = origin,
                           .kind = kind};

    keys_kind(spki, (size_t)n, kind);
    keys_ref(spki, (size_t)n, ref);
    EXPECT(keys_put(&row) == 0);
    OPENSSL_free(spki);
    EVP_PKEY_free(key);
}

TEST("a key comes back as it was given, and is described by its public half")
{
    char ref[KEYS_REF_MAX];
    uint8_t *got = NULL;
    json_t *row;
    size_t n = 0;

    begin();
    keep("RSA", 2048, "made", ref);
    EXPECT(keys_is_ref(ref) && keys_get(ref, &got, &n) == 0);
    EXPECT(n == sizeof wrapped && !memcmp(got, wrapped, n));
    free(got);
    row = keys_describe(ref);
    EXPECT(!strcmp(json_string_value(json_object_get(row, "kind")), "RSA 2048"));
    EXPECT(!strcmp(json_string_value(json_object_get(row, "origin")), "made"));
    EXPECT(strstr(json_string_value(json_object_get(row, "public_key")), "BEGIN PUBLIC KEY"));
    EXPECT(!json_object_get(row, "wrapped"));
    json_decref(row);
    EXPECT(keys_remove(ref) == 0 && keys_remove(ref) == -ENOENT);
    EXPECT(keys_get(ref, &got, &n) == -ENOENT && !keys_describe(ref));
    end();
}

TEST("no name leads out of the directory, and a damaged file is no key")
{
    char ref[KEYS_REF_MAX], path[128];
    uint8_t *got;
    size_t n;
    int fd;

    begin();
    EXPECT(!keys_is_ref("spki:../../x") && keys_get("spki:../../etc/passwd", &got, &n) == -ENOENT);
    EXPECT(!keys_is_ref("spki:") && keys_remove("/etc/passwd") == -ENOENT);
    keep("ED25519", 0, "made", ref);
    snprintf(path, sizeof path, "keys/%s.json", ref + 5);
    fd = open(path, O_WRONLY | O_TRUNC);
    EXPECT(fd >= 0 && write(fd, "{\"wrapped\": \"=\"}", 16) == 16);
    close(fd);
    EXPECT(keys_get(ref, &got, &n) == -EBADMSG && !keys_describe(ref));
    EXPECT(!unlink(path));
    end();
}

static bool only(void *arg, const char *ref)
{
    return !strcmp(arg, ref);
}

TEST("what a configuration file named is forgotten when nothing names it any more; made and "
     "imported keys stay")
{
    char used[KEYS_REF_MAX], unused[KEYS_REF_MAX], made[KEYS_REF_MAX], imported[KEYS_REF_MAX];
    json_t *all;

    begin();
    keep("ED25519", 0, "file", used);
    keep("ED25519", 0, "file", unused);
    keep("ED25519", 0, "made", made);
    keep("ED25519", 0, "imported", imported);
    EXPECT(keys_sweep(only, used) == 0);
    all = keys_list();
    EXPECT(json_array_size(all) == 3 && !keys_describe(unused));
    json_decref(all);
    end();
}

TEST("PEM is what OpenSSL reads, at every length of the last line")
{
    uint8_t bytes[200], *got;
    char *label, *header;

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i;
    for (size_t n = 1; n <= sizeof bytes; n++) {
        char *pem = pem_text("X509 CRL", bytes, n);
        BIO *bio = BIO_new_mem_buf(pem, -1);
        long size = 0;

        EXPECT(PEM_read_bio(bio, &label, &header, &got, &size) == 1);
        EXPECT((size_t)size == n && !memcmp(got, bytes, n) && !strcmp(label, "X509 CRL"));
        OPENSSL_free(got);
        OPENSSL_free(label);
        OPENSSL_free(header);
        BIO_free(bio);
        free(pem);
    }
}

int main(void)
{
    return test_run();
}
