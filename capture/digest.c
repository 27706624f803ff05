#include "capture/digest.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

enum { PIECE_BYTES = 128 << 10 };

static void tell(struct digest *d, EVP_MD_CTX *sum)
{
    uint8_t bytes[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    EVP_DigestFinal_ex(sum, bytes, &n);
    for (size_t i = 0; i < n && 2 * i + 2 < sizeof d->found; i++)
        snprintf(d->found + 2 * i, 3, "%02x", bytes[i]);
}

static void *read_all(void *arg)
{
    struct digest *d = arg;
    uint8_t piece[PIECE_BYTES];
    EVP_MD_CTX *sum = EVP_MD_CTX_new();
    bool is_good = sum != NULL && EVP_DigestInit_ex(sum, EVP_sha256(), NULL) == 1;
    ssize_t n = 0;
    while (is_good && (n = read(d->file, piece, sizeof piece)) > 0)
        is_good = EVP_DigestUpdate(sum, piece, (size_t)n) == 1;
    if (is_good && n == 0)
        tell(d, sum);
    EVP_MD_CTX_free(sum);
    return NULL;
}

void digest_start(struct digest *d, const char *path)
{
    struct stat status;
    *d = (struct digest){.file = -1};
    if (path == NULL || strcmp(path, "-") == 0 || stat(path, &status) < 0 || !S_ISREG(status.st_mode))
        return;
    d->file = open(path, O_RDONLY | O_CLOEXEC);
    d->has_thread = d->file >= 0 && pthread_create(&d->thread, NULL, read_all, d) == 0;
}

void digest_finish(struct digest *d)
{
    if (d->has_thread)
        pthread_join(d->thread, NULL);
    else if (d->file >= 0)
        read_all(d);
    if (d->file >= 0)
        close(d->file);
    memcpy(d->hex, d->found, sizeof d->hex);
    d->file = -1;
    d->has_thread = false;
}
