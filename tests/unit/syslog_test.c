/* syslog: are frames what RFC 5424 and 6587 (octet counting) say, whatever the line holds? */
#include <stdlib.h>
#include "mgmt/ship/syslog.h"
#include "tests/unit/test.h"

static char out[SYSLOG_FRAME];

/* The frame's message behind its length, which has to be right. */
static const char *message(size_t n)
{
    static char text[SYSLOG_FRAME + 1];
    char *end;
    unsigned long said = strtoul(out, &end, 10);

    EXPECT(*end == ' ' && (size_t)(end + 1 - out) + said == n && n <= SYSLOG_FRAME);
    memcpy(text, end + 1, said);
    text[said] = '\0';
    return text;
}

static const char *of_line(const char *line)
{
    return message(syslog_line(out, "gw", line, strlen(line)));
}

TEST("a line becomes a frame with its time, process, event and severity")
{
    EXPECT(!strcmp(of_line("2026-11-20T22:16:33.123Z warn dataplane event=refused link=in n=1"),
                   "<132>1 2026-11-20T22:16:33.123Z gw penstock dataplane refused - link=in n=1"));
    EXPECT(!strcmp(of_line("2026-11-20T22:16:33.123Z error handshake.0 event=x"),
                   "<131>1 2026-11-20T22:16:33.123Z gw penstock handshake.0 x - "));
    EXPECT(!strcmp(of_line("2026-11-20T22:16:33.123Z info mgmt event=y a=\"b c\""),
                   "<134>1 2026-11-20T22:16:33.123Z gw penstock mgmt y - a=\"b c\""));
}

TEST("what is no line of the log goes as it is, without a control byte")
{
    EXPECT(!strcmp(of_line("penstock ready revision=1"),
                   "<134>1 - gw penstock - - - penstock ready revision=1"));
    EXPECT(!strcmp(of_line(""), "<134>1 - gw penstock - - - "));
    EXPECT(!strcmp(of_line("a\tb\x01"), "<134>1 - gw penstock - - - a?b?"));
    EXPECT(!strcmp(of_line("2026-11-20T22:16:33.123Z loud mgmt event=y"),
                   "<134>1 - gw penstock - - - 2026-11-20T22:16:33.123Z loud mgmt event=y"));
    EXPECT(strstr(of_line("2026-11-20T22:16:33.123Z info mgmt "
                          "event=a_name_of_more_than_thirty_two_bytes x=1"),
                  "- - - 2026") != NULL);
}

TEST("too long a line is cut, and its frame's length is right")
{
    char line[12000];
    const char *text;

    memset(line, 'x', sizeof line - 1);
    line[sizeof line - 1] = '\0';
    text = of_line(line);
    EXPECT(strlen(text) == SYSLOG_FRAME - 16 && !strcmp(text + strlen(text) - 3, "..."));
    memcpy(line, "2026-11-20T22:16:33.123Z info mgmt event=y ", 43);
    EXPECT(strlen(of_line(line)) == SYSLOG_FRAME - 16);
}

TEST("an audit row is a frame of the audit's facility; what was lost is said")
{
    json_t *row = json_pack("{s:i, s:s, s:s}", "seq", 7, "at", "2027-01-15T08:00:00Z", "actor",
                            "s\xc3\xb6r");

    EXPECT(!strcmp(message(syslog_audit(out, "gw", row)),
                   "<109>1 2027-01-15T08:00:00Z gw penstock mgmt audit - "
                   "{\"actor\":\"s\\u00F6r\",\"at\":\"2027-01-15T08:00:00Z\",\"seq\":7}"));
    EXPECT(strstr(message(syslog_lost(out, "gw", 12)),
                  " gw penstock mgmt log_lines_lost - lines=12 why=") != NULL);
    json_decref(row);
}

TEST("the level of a line is known, so that less may be sent")
{
    static const char warn[] = "2026-11-20T22:16:33.123Z warn mgmt event=y";

    EXPECT(syslog_level(warn, sizeof warn - 1) == LOG_WARN);
    EXPECT(syslog_level("x", 1) == LOG_INFO);
}

int main(void)
{
    log_init("test", LOG_ERROR + 1);
    return test_run();
}
