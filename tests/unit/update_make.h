/* update_make: an update signed by a key of the test, and a disk of two slots made of files. */
#ifndef PENSTOCK_TEST_UPDATE_MAKE_H
#define PENSTOCK_TEST_UPDATE_MAKE_H

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "appliance-image/src/bundle.h"
#include "appliance-image/src/slots.h"
#include "tests/unit/test.h"

#define UPDATE_ROOT   (5u * BUNDLE_BLOCK)
#define UPDATE_TREE   (2u * BUNDLE_BLOCK)
#define UPDATE_KERNEL 5000u
#define UPDATE_SIZE   (BUNDLE_HEAD_BYTES + UPDATE_ROOT + UPDATE_TREE + UPDATE_KERNEL)
#define UPDATE_OLD    20260101000000ULL
#define UPDATE_NEW    20260202000000ULL

struct update {
    uint8_t bytes[UPDATE_SIZE];
    uint8_t key[BUNDLE_KEY]; /* public */
    EVP_PKEY *pair;
};

static inline void update_uuid(uint64_t version, uint8_t uuid[ENTRY_UUID])
{
    memset(uuid, (int)(version / 1000000 % 251), ENTRY_UUID);
}

/* A tree whose superblock has this version's UUID. */
static inline void update_tree(uint64_t version, uint8_t tree[UPDATE_TREE])
{
    memset(tree, 0x77, UPDATE_TREE);
    memcpy(tree, "verity\0\0", 8);
    update_uuid(version, tree + 16);
}

static inline void update_sign(struct update *u)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    size_t n = BUNDLE_SIGNATURE;

    EXPECT(EVP_DigestSignInit(ctx, NULL, NULL, NULL, u->pair) == 1);
    EXPECT(EVP_DigestSign(ctx, u->bytes + BUNDLE_SIGNED_BYTES, &n, u->bytes, BUNDLE_SIGNED_BYTES) ==
           1);
    EVP_MD_CTX_free(ctx);
}

/* Write the head of these parts and sign it. */
static inline void update_head(struct update *u, uint64_t version)
{
    struct bundle_head h = {
        .version = version,
        .parts = {{.size = UPDATE_ROOT}, {.size = UPDATE_TREE}, {.size = UPDATE_KERNEL}}};
    const uint8_t *at = u->bytes + BUNDLE_HEAD_BYTES;
    struct buf b;

    memset(h.root_hash, 0x11, sizeof h.root_hash);
    update_uuid(version, h.root_hash);
    for (unsigned i = 0; i < BUNDLE_PARTS; at += h.parts[i++].size)
        SHA256(at, h.parts[i].size, h.parts[i].sha256);
    buf_init(&b, u->bytes, BUNDLE_SIGNED_BYTES);
    bundle_put_head(&b, &h);
    EXPECT(buf_ok(&b) && b.len == BUNDLE_SIGNED_BYTES);
    update_sign(u);
}

/* The caller's; update_free(). */
static inline struct update *update_make(uint64_t version)
{
    struct update *u = calloc(1, sizeof *u);
    uint8_t *at = u->bytes + BUNDLE_HEAD_BYTES;
    size_t n = sizeof u->key;

    u->pair = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    EXPECT(EVP_PKEY_get_raw_public_key(u->pair, u->key, &n) == 1);
    memset(at, 0x52, UPDATE_ROOT);
    update_tree(version, at + UPDATE_ROOT);
    memset(at + UPDATE_ROOT + UPDATE_TREE, 0x4b, UPDATE_KERNEL);
    update_head(u, version);
    return u;
}

static inline void update_free(struct update *u)
{
    EVP_PKEY_free(u->pair);
    free(u);
}

/* ---- a disk: a folder with the partitions and the EFI partition's folder ---- */

struct disk {
    char path[64], esp[128];
    uint8_t uuid[ENTRY_UUID]; /* of what runs */
};

static inline void disk_file(const struct disk *d, const char *name, const void *data, size_t n,
                             off_t size)
{
    char path[256];
    int fd;

    snprintf(path, sizeof path, "%s/%s", d->path, name);
    fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    EXPECT(fd >= 0 && write(fd, data, n) == (ssize_t)n && !ftruncate(fd, size));
    close(fd);
}

static inline void disk_entry(const struct disk *d, uint64_t version, enum entry_state state)
{
    struct entry e = {.version = version, .state = state, .left = 2, .done = 1};
    char name[ENTRY_NAME_MAX], path[256];

    update_uuid(version, e.uuid);
    entry_name(&e, name);
    snprintf(path, sizeof path, "esp/" SLOTS_ENTRY "/%s", name);
    disk_file(d, path, "k", 1, 1);
}

static inline bool disk_has(const struct disk *d, uint64_t version, enum entry_state state,
                            uint8_t left, uint8_t done)
{
    struct entry e = {.version = version, .state = state, .left = left, .done = done};
    char name[ENTRY_NAME_MAX], path[256];

    update_uuid(version, e.uuid);
    entry_name(&e, name);
    snprintf(path, sizeof path, "%s/" SLOTS_ENTRY "/%s", d->esp, name);
    return !access(path, F_OK);
}

/* UPDATE_OLD runs from slot a, b is empty. */
static inline void disk_make(struct disk *d)
{
    uint8_t tree[UPDATE_TREE];
    char path[256];

    snprintf(d->path, sizeof d->path, "/tmp/penstock-slots-XXXXXX");
    EXPECT(mkdtemp(d->path) != NULL);
    snprintf(d->esp, sizeof d->esp, "%s/esp", d->path);
    for (const char *const *at =
             (const char *const[]){"/esp", "/esp/EFI", "/esp/" SLOTS_ENTRY, NULL};
         *at; at++) {
        snprintf(path, sizeof path, "%s%s", d->path, *at);
        EXPECT(!mkdir(path, 0700));
    }
    update_tree(UPDATE_OLD, tree);
    update_uuid(UPDATE_OLD, d->uuid);
    disk_file(d, "penstock-root-a", "old", 3, UPDATE_ROOT);
    disk_file(d, "penstock-tree-a", tree, sizeof tree, UPDATE_TREE);
    disk_file(d, "penstock-root-b", "", 0, UPDATE_ROOT);
    disk_file(d, "penstock-tree-b", "", 0, UPDATE_TREE);
    disk_entry(d, UPDATE_OLD, ENTRY_GOOD);
}

static inline void disk_remove(const struct disk *d)
{
    char command[128];

    snprintf(command, sizeof command, "rm -rf %s", d->path);
    EXPECT(!system(command));
}

#endif
