/* log: one event, one write, one line that a machine can take apart? */
#include "dataplane/base/log.h"

#include <errno.h>
#include <regex.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/test.h"

/* stderr becomes a datagram socket, so that each write(2) is one packet to read. */
static int real_stderr, packets;

static void capture(void)
{
    int pair[2];

    EXPECT(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0);
    real_stderr = dup(STDERR_FILENO);
    dup2(pair[1], STDERR_FILENO);
    close(pair[1]);
    packets = pair[0];
}

/* One packet as a string; "" when none is waiting. */
static const char *next_packet(char *out, size_t cap)
{
    ssize_t n = recv(packets, out, cap - 1, MSG_DONTWAIT);

    out[n > 0 ? n : 0] = '\0';
    return out;
}

static void release(void)
{
    dup2(real_stderr, STDERR_FILENO);
    close(real_stderr);
    close(packets);
}

static bool matches(const char *pattern, const char *text)
{
    regex_t re;
    bool found;

    if (regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB))
        return false;
    found = regexec(&re, text, 0, NULL, 0) == 0;
    regfree(&re);
    return found;
}

TEST("a line has UTC time in milliseconds, level, process, event and text, in one write")
{
    char line[8192];

    setenv("TZ", "Asia/Tokyo", 1);
    log_init("handshake.0", LOG_INFO);
    capture();
    log_event(LOG_WARN, "odd", "link=%s n=%d", "payments-in", 7);
    next_packet(line, sizeof(line));
    release();
    EXPECT(matches("^20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z warn "
                   "handshake\\.0 event=odd link=payments-in n=7\n$",
                   line));
}

TEST("an event without text ends after its name")
{
    char line[8192];

    capture();
    log_event(LOG_INFO, "bare", "%s", "");
    next_packet(line, sizeof(line));
    release();
    EXPECT(matches(" event=bare\n$", line));
}

TEST("lines below the level are not written")
{
    char line[8192];

    log_init("x", LOG_WARN);
    capture();
    log_event(LOG_DEBUG, "no", "a=1");
    log_event(LOG_INFO, "no", "a=1");
    log_event(LOG_WARN, "yes", "a=1");
    log_event(LOG_ERROR, "yes", "a=2");
    EXPECT(matches("event=yes a=1", next_packet(line, sizeof(line))));
    EXPECT(matches("error x event=yes a=2", next_packet(line, sizeof(line))));
    EXPECT(!strcmp(next_packet(line, sizeof(line)), ""));
    release();
    log_init("x", LOG_DEBUG);
}

TEST("a line has at most 4096 bytes; a longer one is cut, marked, and still ends")
{
    char line[8192], text[6000];

    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    capture();
    log_event(LOG_INFO, "long", "text=%s", text);
    next_packet(line, sizeof(line));
    EXPECT(strlen(line) == 4096 && !strcmp(line + 4096 - 5, "x...\n"));
    EXPECT(!strcmp(next_packet(line, sizeof(line)), ""));
    release();
}

TEST("a line of exactly 4096 bytes is not cut, one of a byte more is")
{
    char line[8192], text[5000];
    size_t head;

    memset(text, 'x', sizeof(text));
    capture();
    log_event(LOG_INFO, "e", "%s", "?");
    head = strlen(next_packet(line, sizeof(line))) - 2;
    log_event(LOG_INFO, "e", "%.*s", (int)(4095 - head), text);
    next_packet(line, sizeof(line));
    EXPECT(strlen(line) == 4096 && !strcmp(line + 4096 - 4, "xxx\n"));
    log_event(LOG_INFO, "e", "%.*s", (int)(4096 - head), text);
    next_packet(line, sizeof(line));
    EXPECT(strlen(line) == 4096 && !strcmp(line + 4096 - 5, "x...\n"));
    release();
}

TEST("an event name of any length can not push a line over its limit")
{
    char line[8192], name[6000];

    memset(name, 'n', sizeof(name));
    name[sizeof(name) - 1] = '\0';
    capture();
    log_event(LOG_INFO, name, "a=1");
    next_packet(line, sizeof(line));
    EXPECT(strlen(line) == 4096 && !strcmp(line + 4096 - 5, "n...\n"));
    release();
}

TEST("a newline inside a value can not forge a second line")
{
    char line[8192];

    capture();
    log_event(LOG_INFO, "e", "v=%s", "a\n2026 error forged\x1b[2J\x7f");
    next_packet(line, sizeof(line));
    EXPECT(strchr(line, '\n') == line + strlen(line) - 1);
    EXPECT(strstr(line, "v=a?2026 error forged?[2J?\n") != NULL);
    release();
}

TEST("logging leaves errno alone")
{
    capture();
    errno = EDOM;
    log_event(LOG_INFO, "e", "a=%d", 1);
    EXPECT(errno == EDOM);
    close(STDERR_FILENO);
    log_event(LOG_INFO, "e", "a=%d", 1);
    EXPECT(errno == EDOM);
    release();
}

static const char *quoted(const char *text)
{
    static char out[64];

    return log_quote(out, sizeof(out), text, strlen(text));
}

TEST("plain text is copied as it is")
{
    EXPECT(!strcmp(quoted("spiffe://partner.example/client"), "spiffe://partner.example/client"));
    EXPECT(!strcmp(quoted("a'b;c%"), "a'b;c%"));
}

TEST("text that could be taken for something else is quoted and escaped")
{
    EXPECT(!strcmp(quoted(""), "\"\""));
    EXPECT(!strcmp(quoted("a b"), "\"a b\""));
    EXPECT(!strcmp(quoted("a=b"), "\"a=b\""));
    EXPECT(!strcmp(quoted("say \"x\""), "\"say \\\"x\\\"\""));
    EXPECT(!strcmp(quoted("c:\\d"), "\"c:\\\\d\""));
    EXPECT(!strcmp(quoted("a\nb\x7f"), "\"a\\x0ab\\x7f\""));
    EXPECT(!strcmp(quoted("h\xc3\xb6"), "\"h\\xc3\\xb6\""));
}

TEST("a NUL inside does not hide what follows it")
{
    char out[64];

    EXPECT(!strcmp(log_quote(out, sizeof(out), "a\0b", 3), "\"a\\x00b\""));
}

TEST("quoted text is cut at its place, between escapes, with its closing quote")
{
    char out[16];

    EXPECT(!strcmp(log_quote(out, 5, "abcdefgh", 8), "abcd"));
    EXPECT(!strcmp(log_quote(out, 6, "a bcdefgh", 9), "\"a b\""));
    EXPECT(!strcmp(log_quote(out, 8, "a\n\n", 3), "\"a\\x0a\""));
    EXPECT(!strcmp(log_quote(out, 7, "a\n\n", 3), "\"a\""));
    for (size_t n = 1; n < 5; n++) {
        memset(out, 'Z', sizeof(out));
        log_quote(out, n, "\n\n\n", 3);
        EXPECT(memchr(out, '\0', n) != NULL && out[n] == 'Z');
    }
}

int main(void)
{
    return test_run();
}
