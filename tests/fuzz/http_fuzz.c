/*
 * Bytes of an HTTP client against the whole interface: library, route table, handlers, with a small
 * document and no other process. fuzz: max_len=4096
 * The first byte chooses the caller's roles.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "mgmt/api/api.h"
#include "mgmt/manager.h"
#include "mgmt/model/roles.h"
#include "tests/fuzz/fuzz.h"

#define TURNS 64

static const char document[] =
    "{\"identities\": {\"gw\": {\"certificate\": \"sha256:00\", \"key\": \"spki:00\"}}, \"trust\": "
    "{\"p\": {\"anchors\": [\"a.pem\"], \"crls\": []}}, \"links\": {\"in\": {\"listen\": "
    "{\"address\": [\"127.0.0.1:1\"], \"tls\": {\"identity\": \"gw\", \"trust\": \"p\"}}, "
    "\"forward\": {\"to\": [\"127.0.0.1:2\"]}}}}";

static struct manager *the_manager(void)
{
    static struct manager *m;
    struct sockaddr_un any = {.sun_family = AF_UNIX};
    int fd;

    if (m)
        return m;
    signal(SIGPIPE, SIG_IGN);
    m = malloc(sizeof *m);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (!m || manager_init(m, -1, NULL, NULL) ||
        bind(fd, (struct sockaddr *)&any, sizeof any.sun_family) || listen(fd, 1) ||
        api_start(m, fd) || !m->api)
        abort();
    m->document = json_loads(document, 0, NULL);
    m->revision = 7;
    if (chdir("/nonexistent") == 0)
        abort();
    return m;
}

/* Whatever comes back is read, so that nothing waits for us. */
static void drain(int fd)
{
    static char out[65536];

    while (recv(fd, out, sizeof out, MSG_DONTWAIT) > 0) {
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct manager *m = the_manager();
    int pair[2];

    if (n < 2 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair))
        return 0;
    api_caller(m->api, pair[1], "fuzz", data[0] & (ROLE_ANYBODY | ROLE_BOOTSTRAP),
               m->callers.epoch);
    if (send(pair[0], data + 1, n - 1, MSG_NOSIGNAL) < 0)
        abort();
    for (int i = 0; i < TURNS; i++) {
        api_run(m->api);
        drain(pair[0]);
        if (i == TURNS / 2)
            shutdown(pair[0], SHUT_WR);
    }
    close(pair[0]);
    for (int i = 0; i < 8; i++)
        api_run(m->api);
    return 0;
}
