/* keyring: does the process, sandboxed as it runs, answer each channel in order and survive misuse?
 */
#include "tests/unit/keyring_content.h"
#include "tests/unit/keyring_process.h"

TEST("a committed key signs for every lane, content is judged, answers come in order")
{
    uint8_t good[CONTENT_ROOM], bad[CONTENT_ROOM];
    size_t n_good = make_tls13(good, true, 32), n_bad = make_tls13(bad, false, 32);
    EVP_PKEY *key = make_key(KEY_P256);
    struct process p = start();
    int first = channel(&p, 0), last = channel(&p, KEYRING_LANES - 1);

    run_revision(&p, 7, key);
    EXPECT(request(first, 1, 7, good, n_good) == 0);
    EXPECT(request(first, 2, 7, bad, n_bad) == 0);
    EXPECT(request(first, 3, 8, good, n_good) == 0);
    EXPECT(request(last, 4, 7, good, n_good) == 0);
    EXPECT(answer(first, 1) == 0);
    EXPECT(answer(first, 2) == EPERM);
    EXPECT(answer(first, 3) == ENOENT);
    EXPECT(answer(last, 4) == 0);
    EXPECT(stop(&p) == 0);
    close(first);
    close(last);
    EVP_PKEY_free(key);
}

TEST(
    "a key that does not match is refused with the identity's pointer, and the old one still signs")
{
    EVP_PKEY *key = make_key(KEY_P256), *other = make_key(KEY_P256);
    struct control_refused refused = {0};
    uint8_t good[CONTENT_ROOM];
    size_t n = make_tls13(good, true, 32);
    struct process p = start();
    int lane = channel(&p, 0);

    run_revision(&p, 1, key);
    EXPECT(prepare(&p, 2, key, other, &refused) == CONTROL_REFUSED);
    EXPECT(refused.revision == 2);
    EXPECT(!strcmp(refused.err.where, "/identities/gw/key"));
    EXPECT(strstr(refused.err.what, "does not match its certificate") != NULL);
    order(&p, CONTROL_ABORT, 2);
    EXPECT(request(lane, 5, 1, good, n) == 0);
    EXPECT(answer(lane, 5) == 0);
    EXPECT(stop(&p) == 0);
    close(lane);
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
}

TEST("a PREPARE without an image is refused")
{
    struct process p = start();
    struct chan_msg m;

    order(&p, CONTROL_PREPARE, 1);
    EXPECT(next(p.control, &m) == CONTROL_REFUSED);
    EXPECT(stop(&p) == 0);
}

TEST("a lane that sends what is no request is closed, and the others are served on")
{
    uint8_t good[CONTENT_ROOM];
    size_t n = make_tls13(good, true, 32);
    EVP_PKEY *key = make_key(KEY_P256);
    struct process p = start();
    int bad = channel(&p, 0), lane = channel(&p, 1);
    struct chan_msg m;

    run_revision(&p, 1, key);
    EXPECT(chan_send(bad, KEYWIRE_SIGNED, NULL, NULL, 0) == 0);
    EXPECT(next(bad, &m) == 0);
    EXPECT(request(lane, 1, 1, good, n) == 0);
    EXPECT(answer(lane, 1) == 0);
    EXPECT(stop(&p) == 0);
    close(bad);
    close(lane);
    EVP_PKEY_free(key);
}

TEST("a new channel takes the place of the one that a restarted process had")
{
    uint8_t good[CONTENT_ROOM];
    size_t n = make_tls13(good, true, 32);
    EVP_PKEY *key = make_key(KEY_P256);
    struct process p = start();
    int before = channel(&p, 3), after;
    struct chan_msg m;

    run_revision(&p, 1, key);
    after = channel(&p, 3);
    EXPECT(next(before, &m) == 0);
    EXPECT(request(after, 9, 1, good, n) == 0);
    EXPECT(answer(after, 9) == 0);
    EXPECT(stop(&p) == 0);
    close(before);
    close(after);
    EVP_PKEY_free(key);
}

TEST("a process that does not fetch its answers holds up nobody else and loses none")
{
    uint8_t good[CONTENT_ROOM];
    size_t n = make_tls13(good, true, 32);
    EVP_PKEY *key = make_key(KEY_P256);
    struct process p = start();
    int lazy = channel(&p, 0), lane = channel(&p, 1);
    uint32_t asked = 0;

    run_revision(&p, 1, key);
    /* Until neither answers nor requests fit any more. */
    for (int full = 0; full < 20;) {
        struct pollfd room = {.fd = lazy, .events = POLLOUT};
        int rc = request(lazy, asked, 1, good, n);

        EXPECT(rc == 0 || rc == -EAGAIN);
        asked += rc == 0;
        full = rc ? full + 1 : 0;
        if (rc)
            poll(&room, 1, 10);
    }
    EXPECT(request(lane, 1, 1, good, n) == 0);
    EXPECT(answer(lane, 1) == 0);
    for (uint32_t i = 0; i < asked && !test_case_failed; i++)
        EXPECT(answer(lazy, i) == 0);
    EXPECT(asked > 100);
    EXPECT(stop(&p) == 0);
    close(lazy);
    close(lane);
    EVP_PKEY_free(key);
}

TEST("an order that is malformed or out of turn ends the process with status 1")
{
    struct process p = start();

    order(&p, CONTROL_COMMIT, 1);
    EXPECT(stop(&p) == 1 << 8);
    p = start();
    EXPECT(chan_send(p.control, CONTROL_PREPARE, NULL, NULL, 0) == 0);
    EXPECT(stop(&p) == 1 << 8);
    p = start();
    order(&p, CONTROL_DIAL, 1);
    EXPECT(stop(&p) == 1 << 8);
}

int main(int argc, char **argv)
{
    if (argc == 2 && !strcmp(argv[1], "--keyring"))
        return be_keyring();
    return test_run();
}
