/*
 * test: the frame of every unit test: cases with sentences as names, expectations that count.
 *
 *   TEST("an empty buffer reads nothing") { EXPECT(buf_left(&b) == 0); }
 *   int main(void) { return test_run(); }
 *
 * Prints one line per case and at the end "N passed, N failed"; exits 1 if any failed.
 */
#ifndef PENSTOCK_TEST_H
#define PENSTOCK_TEST_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct test_case {
    const char *name;
    void (*run)(void);
    struct test_case *next;
};

extern struct test_case *test_cases; /* defined in test.c */
extern bool test_case_failed;
void test_add(struct test_case *c);
int test_run(void);
void test_fail(const char *file, int line, const char *what);

#define TEST_CAT2(a, b) a##b
#define TEST_CAT(a, b)  TEST_CAT2(a, b)
#define TEST(sentence)                                                                             \
    static void TEST_CAT(test_fn_, __LINE__)(void);                                                \
    __attribute__((constructor)) static void TEST_CAT(test_reg_, __LINE__)(void)                   \
    {                                                                                              \
        static struct test_case c = {sentence, TEST_CAT(test_fn_, __LINE__), NULL};                \
        test_add(&c);                                                                              \
    }                                                                                              \
    static void TEST_CAT(test_fn_, __LINE__)(void)

#define EXPECT(cond)                                                                               \
    do {                                                                                           \
        if (!(cond))                                                                               \
            test_fail(__FILE__, __LINE__, #cond);                                                  \
    } while (0)

#endif
