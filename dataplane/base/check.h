/*
 * check: assertions that stay on in every build.
 *
 * Why: a gateway that goes on after its own invariant broke may pass plaintext or skip a verdict.
 * check() is for what can not happen; bad input is never a check() but an error value.
 * Never: use an expression with side effects as the condition.
 */
#ifndef PENSTOCK_BASE_CHECK_H
#define PENSTOCK_BASE_CHECK_H

/* Print file, line and the condition's text to stderr, then abort(). Does not return. */
__attribute__((noreturn, cold)) void check_failed(const char *file, int line, const char *what);

#define check(cond) ((cond) ? (void)0 : check_failed(__FILE__, __LINE__, #cond))

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#endif
