/* What the fuzz targets share. Each is a libFuzzer program: bytes from nowhere go into one part of caplay, with AddressSanitizer
 * and UndefinedBehaviorSanitizer watching, and what comes out must keep the rules that the target states with FUZZ_HOLDS(). */
#ifndef CAPLAY_FUZZ_FUZZ_H
#define CAPLAY_FUZZ_FUZZ_H

#include "wire/cursor.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* libFuzzer's entry. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

#define FUZZ_HOLDS(rule)                                                                                                         \
    do {                                                                                                                         \
        if (!(rule)) {                                                                                                           \
            fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #rule);                                                   \
            abort();                                                                                                             \
        }                                                                                                                        \
    } while (0)

/* A copy of exactly n bytes on the heap, so that a read behind them is seen. free() it. */
static inline uint8_t *fuzz_copy(const uint8_t *bytes, size_t n)
{
    uint8_t *copy = malloc(n > 0 ? n : 1);
    FUZZ_HOLDS(copy != NULL);
    if (n > 0)
        memcpy(copy, bytes, n);
    return copy;
}

/* A file that holds these bytes and has no name on any disk; path: 32 bytes. close() what is returned. */
static inline int fuzz_file(const uint8_t *bytes, size_t n, char *path)
{
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    FUZZ_HOLDS(fd >= 0 && write(fd, bytes, n) == (ssize_t)n && lseek(fd, 0, SEEK_SET) == 0);
    snprintf(path, 32, "/proc/self/fd/%d", fd);
    return fd;
}

/* The path of a file in memory that this process alone writes; path: 64 bytes. */
static inline void fuzz_path(const char *what, char *path)
{
    snprintf(path, 64, "/dev/shm/caplay-fuzz-%s-%d", what, (int)getpid());
}

#endif
