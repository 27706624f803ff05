/* Errors for people: one exit code and one line of text that says what, where and what to do.
 * A struct diag is the last argument of whatever meets files, sockets or user text. Only main() exits. */
#ifndef CAPLAY_BASE_DIAG_H
#define CAPLAY_BASE_DIAG_H

#include <stdarg.h>
#include <stdio.h>

/* The documented exit codes of every command (README, "Exit codes"). */
enum diag_exit {
    DIAG_GOOD = 0,
    DIAG_DIFFERENCE = 1,  /* regression, difference or failed check */
    DIAG_USAGE = 2,       /* wrong option, unreadable file */
    DIAG_INVALID = 3,     /* measurement invalid or undecided */
    DIAG_CLIENT = 4,      /* a client under test failed */
    DIAG_ENVIRONMENT = 5, /* bind, permission, a missing part */
    DIAG_SKIPPED = 77,
};

struct diag {
    enum diag_exit code;
    int sys; /* errno at the time, or 0 */
    char text[512];
};

/* Set code and text; returns -1, so that a failing function ends in `return diag_fail(...)`. */
int diag_fail(struct diag *diag, enum diag_exit code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The same, with ": " and strerror(errno) behind the text, and errno kept in diag->sys. */
int diag_errno(struct diag *diag, enum diag_exit code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Print "caplay: TEXT" to stderr and return the exit code for main(). */
int diag_report(const struct diag *diag);

#endif
