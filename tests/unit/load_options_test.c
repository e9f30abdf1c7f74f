/* Does the command line say what will be done, and is nonsense refused with a reason? */
#include "perf/load/options.h"

#include <errno.h>
#include "dataplane/wire/suite.h"
#include "perf/load/task.h"
#include "tests/unit/test.h"

#define GATEWAY "--connect", "127.0.0.1:443", "--name", "gw.test", "--ca", "ca.pem"
#define CERT    "--cert", "c.pem", "--key", "c.key"

static int parse(struct options *o, struct err *e, const char *const *words)
{
    char *argv[40] = {NULL};
    int argc = 0;

    for (; words[argc]; argc++) {
        union {
            const char *in;
            char *out;
        } word = {.in = words[argc]}; /* argv's type knows no const */

        argv[argc] = word.out;
    }
    return options_parse(o, argc, argv, e);
}

#define PARSE(o, e, ...) parse(o, e, (const char *const[]){"penstock-load", __VA_ARGS__, NULL})

TEST("a mode and where to find the gateway are enough; the rest has defaults")
{
    struct options o;
    struct err e;

    EXPECT(PARSE(&o, &e, "handshakes", GATEWAY, CERT) == 0);
    EXPECT(o.mode == LOAD_HANDSHAKES && addr_port(&o.address) == 443 && !strcmp(o.name, "gw.test"));
    EXPECT(o.tls == TLS13 && o.processes == 1 && o.concurrency == 16 && o.rate == 0);
    EXPECT(o.duration_ms == 10000 && o.warmup_ms == 1000 && o.timeout_ms == 10000);
    EXPECT(!o.n_cpus && !o.n_sources && !o.json && !o.quiet && !o.gateway_pid);
    EXPECT(PARSE(&o, &e, "idle", GATEWAY, CERT) == 0 && o.sessions == 100);
    EXPECT(PARSE(&o, &e, "churn", GATEWAY, CERT, "--rate", "50") == 0 && o.concurrency == 1000);
}

TEST("a plain run needs no names, and takes none")
{
    struct options o;
    struct err e;

    EXPECT(PARSE(&o, &e, "idle", "--connect", "127.0.0.1:443", "--plain") == 0);
    EXPECT(o.plain && !o.quiet);
    EXPECT(PARSE(&o, &e, "idle", GATEWAY, CERT, "--plain") == -EINVAL);
}

TEST("every option reaches its field, with '=' or without")
{
    struct options o;
    struct err e;

    EXPECT(PARSE(&o, &e, "roundtrip", GATEWAY, "--cert-dir=certs", "--tls", "1.2", "--suites=A:B",
                 "--groups", "X25519", "--source", "127.0.0.2,127.0.0.3", "--processes=2", "--pin",
                 "1,3", "--duration=2.5", "--warmup", "0", "--timeout=3", "--sessions", "7",
                 "--rate=250.5", "--size", "1000", "--json=out", "--gateway-pid=12",
                 "--backend-pid", "13", "--quiet") == 0);
    EXPECT(!strcmp(o.cert_dir, "certs") && o.tls == TLS12 && !strcmp(o.suites, "A:B"));
    EXPECT(!strcmp(o.groups, "X25519") && o.n_sources == 2 && o.processes == 2);
    EXPECT(o.n_cpus == 2 && o.cpus[0] == 1 && o.cpus[1] == 3 && o.duration_ms == 2500);
    EXPECT(o.warmup_ms == 0 && o.timeout_ms == 3000 && o.sessions == 7 && o.rate == 250.5);
    EXPECT(o.size == 1000 && !strcmp(o.json, "out") && o.gateway_pid == 12 && o.quiet);
    EXPECT(o.backend_pid == 13);
    EXPECT(PARSE(&o, &e, "bulk", GATEWAY, CERT, "--direction", "both") == 0);
    EXPECT(o.direction == DIRECTION_BOTH);
}

TEST("the sink wants an address to listen on and no certificate")
{
    struct options o;
    struct err e;

    EXPECT(PARSE(&o, &e, "sink", "--listen", "[::1]:0", "--answer", "echo") == 0);
    EXPECT(o.mode == LOAD_SINK && o.duration_ms == 0 && !strcmp(o.answer, "echo"));
    EXPECT(PARSE(&o, &e, "sink") == -EINVAL && !strcmp(e.where, "--listen"));
    EXPECT(PARSE(&o, &e, "sink", "--listen", "1.2.3.4:5", "--answer", "what") == -EINVAL);
}

TEST("what a mode can not do without is asked for by name")
{
    struct options o;
    struct err e;

    EXPECT(PARSE(&o, &e, "idle", "--name", "x", "--ca", "y", CERT) == -EINVAL);
    EXPECT(!strcmp(e.where, "--connect"));
    EXPECT(PARSE(&o, &e, "idle", "--connect", "1.2.3.4:5", "--ca", "y", CERT) == -EINVAL);
    EXPECT(!strcmp(e.where, "--name"));
    EXPECT(PARSE(&o, &e, "idle", "--connect", "1.2.3.4:5", "--name", "y", CERT) == -EINVAL);
    EXPECT(!strcmp(e.where, "--ca"));
    EXPECT(PARSE(&o, &e, "idle", GATEWAY, "--cert", "x") == -EINVAL && strstr(e.where, "--key"));
    EXPECT(PARSE(&o, &e, "idle", GATEWAY, CERT, "--cert-dir", "x") == -EINVAL);
    EXPECT(PARSE(&o, &e, "roundtrip", GATEWAY, CERT) == -EINVAL && !strcmp(e.where, "--rate"));
    EXPECT(PARSE(&o, &e, "bulk", GATEWAY, CERT) == -EINVAL && !strcmp(e.where, "--direction"));
}

TEST("an option that means nothing to the mode is refused, not passed over")
{
    struct options o;
    struct err e;

    EXPECT(PARSE(&o, &e, "idle", GATEWAY, CERT, "--rate", "5") == -EINVAL);
    EXPECT(!strcmp(e.where, "--rate") && strstr(e.what, "idle"));
    EXPECT(PARSE(&o, &e, "handshakes", GATEWAY, CERT, "--sessions", "5") == -EINVAL);
    EXPECT(PARSE(&o, &e, "sink", "--listen", "1.2.3.4:5", "--json", "x") == -EINVAL);
}

TEST("numbers, addresses and words out of bounds are refused")
{
    static const char *const bad[][2] = {
        {"--processes", "0"},
        {"--processes", "65"},
        {"--processes", "1.5"},
        {"--processes", "x"},
        {"--processes", "-1"},
        {"--duration", "0"},
        {"--duration", "86401"},
        {"--duration", "1e"},
        {"--duration", "nan"},
        {"--timeout", "0"},
        {"--warmup", "-1"},
        {"--rate", "0"},
        {"--rate", "10000001"},
        {"--rate", "inf"},
        {"--size", "0"},
        {"--size", "1048577"},
        {"--tls", "1.1"},
        {"--pin", ""},
        {"--pin", "1,"},
        {"--pin", "1,x"},
        {"--pin", "1024"},
        {"--source", "127.0.0.1,"},
        {"--source", "host"},
        {"--source", "::1"},
        {"--connect", "gw:443"},
        {"--connect", "unix:/x"},
        {"--connect", "1.2.3.4"},
        {"--sessions", "1000001"},
        {"--concurrency", "100001"},
        {"--name", ""},
        {"--nonsense", "1"},
        {"--quiet=1", "--quiet"},
        {"--gateway-pid", "0"},
    };
    struct options o;
    struct err e;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (PARSE(&o, &e, "fanin", GATEWAY, CERT, bad[i][0], bad[i][1]) != -EINVAL || !e.what[0])
            test_fail(__FILE__, __LINE__, bad[i][1]);
    EXPECT(PARSE(&o, &e, "fanin", GATEWAY, CERT, "--json") == -EINVAL);
    EXPECT(PARSE(&o, &e, "bulk", GATEWAY, CERT, "--direction", "left") == -EINVAL);
}

TEST("no mode, or one that is none, is refused; help is one")
{
    struct options o = {.size = 77};
    struct err e;
    char *only[] = {NULL};

    EXPECT(options_parse(&o, 0, only, &e) == -EINVAL);
    EXPECT(PARSE(&o, &e, "handshake") == -EINVAL && strstr(e.what, "handshake"));
    EXPECT(o.size == 77);
    EXPECT(PARSE(&o, &e, "--help") == 0 && o.mode == LOAD_HELP);
    EXPECT(strstr(options_usage(), "--connect") != NULL);
}

TEST("a task read is the task written; other bytes are none")
{
    struct task t = {.kind = TASK_ANSWER, .request = 70000, .response = 5}, got = {0};
    uint8_t bytes[TASK_SIZE];

    task_put(&t, bytes);
    EXPECT(task_get(&got, bytes) == 0 && got.kind == t.kind && got.request == 70000);
    EXPECT(got.response == 5);
    bytes[0] ^= 1;
    EXPECT(task_get(&got, bytes) == -EPROTO && got.request == 70000);
    t.kind = TASK_ECHO;
    task_put(&t, bytes);
    bytes[7]++;
    EXPECT(task_get(&got, bytes) == -EPROTO);
    t = (struct task){.kind = TASK_ANSWER};
    task_put(&t, bytes);
    EXPECT(task_get(&got, bytes) == -EPROTO);
}

int main(void)
{
    return test_run();
}
