/* command_passphrase: from a file, or from a terminal that does not show it; never an argument. */
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>
#include "dataplane/base/secret.h"
#include "mgmt/ctl/command_parts.h"

#define LINE_MAX_BYTES 1024
#define LINE_ROOM      (LINE_MAX_BYTES + 2)

static bool of_file(const char *file, char line[LINE_ROOM])
{
    bool is_stdin = !strcmp(file, "-");
    FILE *in = is_stdin ? stdin : fopen(file, "r");
    bool good = in && fgets(line, LINE_ROOM, in);

    if (in && !is_stdin)
        fclose(in);
    return good;
}

/* One line; what is typed is not shown, and the terminal is as it was afterwards. */
static bool of_terminal(const char *prompt, char line[LINE_ROOM])
{
    int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    struct termios was, quiet;
    ssize_t n = -1;

    if (fd >= 0 && !tcgetattr(fd, &was)) {
        quiet = was;
        quiet.c_lflag &= ~(tcflag_t)ECHO;
        dprintf(fd, "%s", prompt);
        if (!tcsetattr(fd, TCSAFLUSH, &quiet))
            n = read(fd, line, LINE_ROOM - 1);
        tcsetattr(fd, TCSAFLUSH, &was);
        dprintf(fd, "\n");
    }
    if (fd >= 0)
        close(fd);
    line[n > 0 ? n : 0] = '\0';
    return n > 0;
}

static bool typed(bool twice, char line[LINE_ROOM])
{
    char again[LINE_ROOM] = "";
    bool good = of_terminal("passphrase: ", line);

    if (good && twice) {
        good = of_terminal("the same again: ", again) && !strcmp(line, again);
        if (!good)
            fprintf(stderr, "penstockctl: the two differ\n");
    }
    secret_wipe(again, sizeof again);
    return good;
}

bool command_passphrase(const struct options *o, bool ask, bool twice,
                        char out[COMMAND_PASSPHRASE_ROOM])
{
    char line[LINE_ROOM] = "";
    bool good = o->passphrase ? of_file(o->passphrase, line) : ask && typed(twice, line);
    size_t n = strcspn(line, "\r\n");

    good = good && n > 0 && n <= LINE_MAX_BYTES;
    if (good)
        EVP_EncodeBlock((unsigned char *)out, (unsigned char *)line, (int)n);
    else
        fprintf(stderr, "penstockctl: %s: give a passphrase of at most %d bytes in one line\n",
                o->passphrase ? o->passphrase : "terminal", LINE_MAX_BYTES);
    secret_wipe(line, sizeof line);
    return good;
}
