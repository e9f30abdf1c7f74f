/* vault: does the sandboxed process serve mgmt's channel without holding up a signature, and
 * outlive misuse of it? */
#include "dataplane/wire/vault.h"
#include "handshake/keyring/wrap.h"
#include "tests/unit/keyring_content.h"
#include "tests/unit/keyring_process.h"

static int kek_file(uint8_t seed)
{
    uint8_t bytes[KEK_SIZE];

    memset(bytes, seed, sizeof(bytes));
    return memfd_seal("kek", bytes, sizeof(bytes));
}

static struct process start_with_kek(void)
{
    struct process p = start();

    attach(&p, 0, ATTACH_KEK, 0, kek_file(1));
    return p;
}

static void attach_copy(struct process *p, uint32_t token, int fd)
{
    struct control_attach a = {.kind = ATTACH_WRAP, .token = token};
    uint8_t mem[64];
    struct buf b;

    buf_init(&b, mem, sizeof(mem));
    control_put_attach(&b, &a);
    EXPECT(chan_send(p->control, CONTROL_ATTACH, &b, &fd, 1) == 0);
    close(fd);
}

static int ask_make(int vault, uint32_t number, uint8_t kind)
{
    struct vault_make m = {number, kind};
    uint8_t mem[16];
    struct buf b;

    buf_init(&b, mem, sizeof(mem));
    vault_put_make(&b, &m);
    return chan_send(vault, VAULT_MAKE, &b, NULL, 0);
}

static void ask_wrap(int vault, uint32_t number, uint32_t token)
{
    struct vault_wrap m = {number, token};
    uint8_t mem[16];
    struct buf b;

    buf_init(&b, mem, sizeof(mem));
    vault_put_wrap(&b, &m);
    EXPECT(chan_send(vault, VAULT_WRAP, &b, NULL, 0) == 0);
}

/* Points into the message, until the next one. */
static struct vault_answer told(int vault, uint32_t number)
{
    struct vault_answer a = {.error = -1};
    struct chan_msg m;

    EXPECT(next(vault, &m) == VAULT_ANSWER);
    EXPECT(vault_get_answer(&m.body, &a) == 0);
    EXPECT(a.request == number);
    return a;
}

TEST("a lane signs while an RSA-4096 key is made, and the requests behind it are answered in order")
{
    uint8_t good[CONTENT_ROOM];
    size_t n = make_tls13(good, true, 32);
    EVP_PKEY *key = make_key(KEY_P256);
    struct process p = start_with_kek();
    int lane = channel(&p, 0), vault = channel_of(&p, CHANNEL_VAULT, 0);
    struct pollfd quiet = {.fd = vault, .events = POLLIN};
    uint32_t signed_meanwhile = 0;

    run_revision(&p, 1, key);
    EXPECT(ask_make(vault, 1, VAULT_RSA_4096) == 0);
    EXPECT(ask_make(vault, 2, VAULT_RSA_4096) == 0);
    do {
        EXPECT(request(lane, ++signed_meanwhile, 1, good, n) == 0);
        EXPECT(answer(lane, signed_meanwhile) == 0);
    } while (poll(&quiet, 1, 0) == 0 && !test_case_failed);
    EXPECT(signed_meanwhile > 5); /* one or two, if it waited for the vault */
    EXPECT(told(vault, 1).error == 0);
    EXPECT(told(vault, 2).error == 0);
    EXPECT(stop(&p) == 0);
    close(lane);
    close(vault);
    EVP_PKEY_free(key);
}

TEST("a key that the vault made serves as a key file, and as none for a keyring with another KEK")
{
    struct process p = start_with_kek(), q = start();
    int vault = channel_of(&p, CHANNEL_VAULT, 0), lane;
    struct control_refused refused = {0};
    uint8_t good[CONTENT_ROOM];
    size_t n = make_tls13(good, true, 32);
    struct vault_answer a;
    const unsigned char *at;
    EVP_PKEY *public;
    struct chan_msg m;
    int file;

    EXPECT(ask_make(vault, 1, VAULT_EC_P256) == 0);
    a = told(vault, 1);
    at = a.spki.p;
    public = d2i_PUBKEY(NULL, &at, (long)a.spki.n);
    file = memfd_seal("key", a.key.p, a.key.n);
    EXPECT(prepare_file(&p, 1, public, dup(file), &refused) == CONTROL_PREPARED);
    order(&p, CONTROL_COMMIT, 1);
    EXPECT(next(p.control, &m) == CONTROL_COMMITTED);
    lane = channel(&p, 0);
    EXPECT(request(lane, 1, 1, good, n) == 0);
    EXPECT(answer(lane, 1) == 0);
    EXPECT(stop(&p) == 0);

    attach(&q, 0, ATTACH_KEK, 0, kek_file(2));
    EXPECT(prepare_file(&q, 1, public, file, &refused) == CONTROL_REFUSED);
    EXPECT(!strcmp(refused.err.where, "/identities/gw/key"));
    EXPECT(strstr(refused.err.what, "encrypted on another machine") != NULL);
    EXPECT(stop(&q) == 0);
    close(vault);
    close(lane);
    EVP_PKEY_free(public);
}

TEST("a copy that was sent before WRAP is there for it, once; the 65th drives out the oldest")
{
    EVP_PKEY *key = make_key(KEY_P256);
    struct process p = start_with_kek();
    int vault = channel_of(&p, CHANNEL_VAULT, 0);

    for (uint32_t i = 0; i < 20 && !test_case_failed; i++) {
        attach_copy(&p, i, key_file(key));
        ask_wrap(vault, i, i); /* at once: the loop may see this channel first */
        EXPECT(told(vault, i).error == 0);
    }
    ask_wrap(vault, 100, 3);
    EXPECT(told(vault, 100).error == ENOENT);
    for (uint32_t i = 0; i < 65; i++)
        attach_copy(&p, 1000 + i, key_file(key));
    ask_wrap(vault, 101, 1000);
    EXPECT(told(vault, 101).error == ENOENT);
    ask_wrap(vault, 102, 1001);
    EXPECT(told(vault, 102).error == 0);
    ask_wrap(vault, 103, 1064);
    EXPECT(told(vault, 103).error == 0);
    EXPECT(stop(&p) == 0);
    close(vault);
    EVP_PKEY_free(key);
}

TEST("a mgmt that came back has a new channel, and neither answers nor copies of the one before")
{
    EVP_PKEY *key = make_key(KEY_P256);
    struct process p = start_with_kek();
    int before = channel_of(&p, CHANNEL_VAULT, 0), vault;
    struct chan_msg m;

    attach_copy(&p, 5, key_file(key));
    EXPECT(ask_make(before, 1, VAULT_RSA_4096) == 0);
    EXPECT(ask_make(before, 2, VAULT_RSA_4096) == 0);
    vault = channel_of(&p, CHANNEL_VAULT, 0);
    EXPECT(next(before, &m) == 0);
    ask_wrap(vault, 3, 5);
    EXPECT(told(vault, 3).error == ENOENT);
    EXPECT(ask_make(vault, 4, VAULT_ED25519) == 0);
    EXPECT(told(vault, 4).error == 0);
    EXPECT(stop(&p) == 0);
    close(before);
    close(vault);
    EVP_PKEY_free(key);
}

TEST("a mgmt that breaks the rules loses its channel, and signatures go on")
{
    static const struct {
        uint8_t type;
        bool file;
    } rows[] = {{VAULT_ANSWER, false},
                {VAULT_MAKE, false}, /* an empty body */
                {VAULT_MAKE, true},  /* a descriptor that nobody asked for */
                {VAULT_IMPORT, false} /* none where one is due */};
    uint8_t good[CONTENT_ROOM];
    size_t n = make_tls13(good, true, 32);
    EVP_PKEY *key = make_key(KEY_P256);
    struct process p = start_with_kek();
    int lane = channel(&p, 0);

    run_revision(&p, 1, key);
    for (uint32_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int vault = channel_of(&p, CHANNEL_VAULT, 0), file = text_file("x");
        struct chan_msg m;

        EXPECT(chan_send(vault, rows[i].type, NULL, &file, rows[i].file) == 0);
        EXPECT(next(vault, &m) == 0);
        EXPECT(request(lane, i, 1, good, n) == 0);
        EXPECT(answer(lane, i) == 0);
        close(file);
        close(vault);
    }
    EXPECT(stop(&p) == 0);
    close(lane);
    EVP_PKEY_free(key);
}

TEST("a mgmt that does not fetch its answers holds up nobody and loses none")
{
    uint8_t good[CONTENT_ROOM];
    size_t n = make_tls13(good, true, 32);
    EVP_PKEY *key = make_key(KEY_P256);
    struct process p = start_with_kek();
    int lane = channel(&p, 0), vault = channel_of(&p, CHANNEL_VAULT, 0);
    uint32_t asked = 0;

    run_revision(&p, 1, key);
    for (int full = 0; full < 20;) { /* until neither answers nor requests fit any more */
        struct pollfd room = {.fd = vault, .events = POLLOUT};
        int rc = ask_make(vault, asked, VAULT_EC_P256);

        EXPECT(rc == 0 || rc == -EAGAIN);
        asked += rc == 0;
        full = rc ? full + 1 : 0;
        if (rc)
            poll(&room, 1, 10);
    }
    EXPECT(request(lane, 1, 1, good, n) == 0);
    EXPECT(answer(lane, 1) == 0);
    for (uint32_t i = 0; i < asked && !test_case_failed; i++)
        EXPECT(told(vault, i).error == 0);
    EXPECT(asked > 100);
    EXPECT(stop(&p) == 0);
    close(lane);
    close(vault);
    EVP_PKEY_free(key);
}

TEST("the KEK comes once and first, and is one; anything else ends the process with status 1")
{
    EVP_PKEY *key = make_key(KEY_P256);
    struct process p = start_with_kek();

    attach(&p, 0, ATTACH_KEK, 0, kek_file(1));
    EXPECT(stop(&p) == 1 << 8);
    p = start();
    attach(&p, 1, ATTACH_KEY, 0, key_file(key));
    attach(&p, 0, ATTACH_KEK, 0, kek_file(1));
    EXPECT(stop(&p) == 1 << 8);
    p = start();
    close(channel_of(&p, CHANNEL_VAULT, 0));
    attach(&p, 0, ATTACH_KEK, 0, kek_file(1));
    EXPECT(stop(&p) == 1 << 8);
    p = start();
    attach(&p, 0, ATTACH_KEK, 0, text_file("short"));
    EXPECT(stop(&p) == 1 << 8);
    EVP_PKEY_free(key);
}

TEST("without a KEK the vault says so, and ends at once when it is told to amid its work")
{
    struct process p = start();
    int vault = channel_of(&p, CHANNEL_VAULT, 0);
    struct vault_answer a;

    EXPECT(ask_make(vault, 1, VAULT_EC_P256) == 0);
    a = told(vault, 1);
    EXPECT(a.error == ENOKEY && strstr(a.why.what, "no key-encryption key") != NULL);
    EXPECT(ask_make(vault, 2, VAULT_RSA_4096) == 0);
    EXPECT(stop(&p) == 0);
    close(vault);
}

int main(int argc, char **argv)
{
    if (argc == 2 && !strcmp(argv[1], "--keyring"))
        return be_keyring();
    return test_run();
}
