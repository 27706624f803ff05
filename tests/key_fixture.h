/* A key from bytes, for the tests of what is hashed with it. */
#ifndef CAPLAY_TESTS_KEY_FIXTURE_H
#define CAPLAY_TESTS_KEY_FIXTURE_H

#include "traces/pseudonym.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define TEXT_BYTES 128

static inline struct keyed *key_of(const char *bytes)
{
    char path[] = "/tmp/caplay-key-XXXXXX";
    struct diag diag = {0};
    const int fd = mkstemp(path);
    assert_true(fd >= 0 && write(fd, bytes, strlen(bytes)) == (ssize_t)strlen(bytes));
    close(fd);
    struct keyed *k = keyed_new(path, &diag);
    unlink(path);
    return k;
}

static inline const char *named(struct keyed *k, const char *name, char out[TEXT_BYTES])
{
    snprintf(out, TEXT_BYTES, "%s", name);
    pseudonym_text(k, out, strlen(out));
    return out;
}

#endif
