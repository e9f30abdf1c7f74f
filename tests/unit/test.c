#include "tests/unit/test.h"

struct test_case *test_cases;
bool test_case_failed;

void test_add(struct test_case *c)
{
    struct test_case **end = &test_cases;

    while (*end)
        end = &(*end)->next;
    *end = c;
}

void test_fail(const char *file, int line, const char *what)
{
    test_case_failed = true;
    printf("    %s:%d: expected %s\n", file, line, what);
}

int test_run(void)
{
    unsigned passed = 0, failed = 0;

    for (struct test_case *c = test_cases; c; c = c->next) {
        test_case_failed = false;
        c->run();
        printf("%s - %s\n", test_case_failed ? "FAILED" : "ok", c->name);
        test_case_failed ? failed++ : passed++;
    }
    printf("%u passed, %u failed\n", passed, failed);
    return failed ? 1 : 0;
}
