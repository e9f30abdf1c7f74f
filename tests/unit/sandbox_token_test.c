/* sandbox: does the process of a PKCS#11 module reach its token's files and sockets, and nothing
 * else? */
#include <dlfcn.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "tests/unit/sandbox_run.h"

static char room[64]; /* the token's directory, which the sandbox's user may write to */

static const struct sandbox_place places[] = {
    {"/usr", false}, {"/lib", false}, {"/etc", false}, {room, true}, {"/no/such/place", true}};

static bool token_passes(sandbox_probe probe)
{
    int status = -1, line;
    pid_t pid;

    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        struct err e;

        alarm(20);
        if (sandbox_enter_with(SANDBOX_TOKEN, places, ARRAY_LEN(places), &e))
            _exit(99);
        line = probe();
        if (line)
            printf("    the probe stopped at line %d, errno %d\n", line, errno);
        fflush(NULL);
        _exit(line ? 1 : 0);
    }
    waitpid(pid, &status, 0);
    return status == 0;
}

static const char *in_room(const char *name)
{
    static char path[2][128];
    static unsigned turn;
    char *p = path[turn++ % 2];

    snprintf(p, sizeof(path[0]), "%s/%s", room, name);
    return p;
}

static int files_work(void)
{
    int fd = open(in_room("object"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    WANT(fd >= 0 && write(fd, "key", 3) == 3 && fsync(fd) == 0 && ftruncate(fd, 2) == 0);
    WANT(flock(fd, LOCK_EX) == 0);
    WANT(mkdir(in_room("d"), 0700) == 0 && rename(in_room("object"), in_room("other")) == 0);
    WANT(unlink(in_room("other")) == 0 && rmdir(in_room("d")) == 0);
    WANT(open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0);
    return 0;
}

TEST("it reads the system's files, and writes below the places it was given")
{
    EXPECT(token_passes(files_work));
}

static int other_places_refused(void)
{
    WANT(open("/etc/penstock-test", O_RDWR | O_CREAT | O_CLOEXEC, 0600) < 0);
    WANT(open("/tmp/penstock-test-token", O_RDWR | O_CREAT | O_CLOEXEC, 0600) < 0);
    WANT(open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC) < 0 && errno == EACCES);
    WANT(open("/var/log", O_RDONLY | O_DIRECTORY | O_CLOEXEC) < 0 && errno == EACCES);
    return 0;
}

TEST("it reads and writes nowhere else")
{
    if (landlock_abi())
        EXPECT(token_passes(other_places_refused));
}

static int programs_and_listening_refused(void)
{
    char *argv[] = {(char[]){"true"}, NULL};
    struct sockaddr_in at = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    WANT(fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 && errno == EPERM);
    WANT(listen(fd, 1) < 0 && errno == EPERM);
    WANT(execve("/bin/true", argv, argv + 1) < 0 && errno == EPERM);
    WANT(fork() < 0 && errno == EPERM);
    WANT(socket(AF_PACKET, SOCK_RAW, 0) < 0 && errno == EPERM);
    WANT(syscall(SYS_ptrace, 0, 0, 0, 0) < 0 && errno == EPERM);
    WANT(kill(getppid(), 0) < 0);
    return 0;
}

TEST("it runs no program, makes no process and listens nowhere")
{
    EXPECT(token_passes(programs_and_listening_refused));
}

static int code_of_files_only(void)
{
    void *mem = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    WANT(mem != MAP_FAILED && mprotect(mem, 4096, PROT_READ | PROT_EXEC) < 0 && errno == EPERM);
    WANT(mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
         MAP_FAILED);
    WANT(dlopen("libjansson.so.4", RTLD_NOW | RTLD_NOLOAD) || dlopen("libz.so.1", RTLD_NOW));
    return 0;
}

TEST("a library can be loaded, and memory that was written to never becomes code")
{
    EXPECT(token_passes(code_of_files_only));
}

static void *nothing(void *arg)
{
    return arg;
}

static int threads_and_calls_work(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(9)};
    pthread_t thread;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    WANT(pthread_create(&thread, NULL, nothing, NULL) == 0 && pthread_join(thread, NULL) == 0);
    WANT(fd >= 0 && connect(fd, (struct sockaddr *)&at, sizeof(at)) < 0 && errno == ECONNREFUSED);
    WANT(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) >= 0);
    return 0;
}

TEST("it makes threads, and calls out over TCP and unix sockets")
{
    EXPECT(token_passes(threads_and_calls_work));
}

int main(void)
{
    char command[128];
    int rc;

    snprintf(room, sizeof(room), "/tmp/penstock-test-XXXXXX");
    if (!mkdtemp(room) || chmod(room, 0777))
        return 1;
    rc = test_run();
    snprintf(command, sizeof(command), "rm -rf %s", room);
    return system(command) ? 1 : rc;
}
