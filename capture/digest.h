/* SHA-256 of a file that is decoded meanwhile: in a thread of its own, since it takes longer than decoding. */
#ifndef CAPLAY_CAPTURE_DIGEST_H
#define CAPLAY_CAPTURE_DIGEST_H

#include <pthread.h>
#include <stdbool.h>

#define DIGEST_HEX_BYTES 65

struct digest {
    int file; /* -1: none */
    bool has_thread;
    pthread_t thread;
    char found[DIGEST_HEX_BYTES]; /* the thread's, until it has ended */
    char hex[DIGEST_HEX_BYTES];   /* "" until digest_finish(), and for what is no file to be read twice */
};

/* Begin. path: NULL and what is no regular file (standard input, a pipe) have no digest. */
void digest_start(struct digest *d, const char *path);

/* Wait for the whole file's digest, in d->hex then; "": it cannot be read. */
void digest_finish(struct digest *d);

#endif
