#include "capture/input.h"

#include "traces/trace.h"
#include "wire/cursor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zlib.h>

enum { BUFFER_BYTES = 256 << 10, GZIP_MAGIC = 0x1f8b };

struct input {
    gzFile gz; /* reads what is not compressed, too */
    uint8_t head[4];
    size_t nhead, taken; /* bytes in head, and those that were read from there */
};

static ssize_t input_read(void *cookie, char *bytes, size_t n)
{
    struct input *in = cookie;
    if (in->taken < in->nhead) {
        size_t part = in->nhead - in->taken < n ? in->nhead - in->taken : n;
        memcpy(bytes, in->head + in->taken, part);
        in->taken += part;
        return (ssize_t)part;
    }
    int got = gzread(in->gz, bytes, n < BUFFER_BYTES ? (unsigned)n : BUFFER_BYTES), err = Z_OK;
    if (got == 0)
        (void)gzerror(in->gz, &err); /* where gzip is cut */
    if (got >= 0 && err != Z_BUF_ERROR)
        return got;
    errno = EIO; /* damaged or cut: stdio knows errno only */
    return -1;
}

/* Only "where am I?" is answered. */
static int input_seek(void *cookie, off64_t *offset, int whence)
{
    struct input *in = cookie;
    if (whence != SEEK_CUR || *offset != 0) {
        errno = ESPIPE;
        return -1;
    }
    *offset = gztell(in->gz) - (off64_t)(in->nhead - in->taken);
    return 0;
}

static int input_close(void *cookie)
{
    struct input *in = cookie;
    gzclose_r(in->gz);
    free(in);
    return 0;
}

/* A file as it is, which nothing has to be taken off: without zlib's copy of each byte. Standard input, too, if it is a file.
 * NULL: it is something else. */
static FILE *open_plain(const char *path, uint32_t *magic)
{
    uint8_t head[4] = {0};
    int fd = strcmp(path, "-") == 0 ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
    const off_t begin = fd >= 0 ? lseek(fd, 0, SEEK_CUR) : -1;
    const ssize_t got = begin >= 0 ? pread(fd, head, sizeof head, begin) : -1;
    *magic = got == sizeof head ? wire_get32(head) : 0;
    FILE *file = got >= 0 && *magic >> 16 != GZIP_MAGIC ? fdopen(fd, "rb") : NULL;
    if (file == NULL && fd >= 0)
        close(fd);
    return file;
}

/* What would else be told badly or late. */
static int check(const char *path, struct diag *diag)
{
    struct stat status;
    if (stat(path, &status) < 0 || access(path, R_OK) < 0)
        return diag_errno(diag, DIAG_USAGE, "%s: cannot be read", path);
    if (S_ISDIR(status.st_mode))
        return diag_fail(diag, DIAG_USAGE, "%s: is a directory, not a capture", path);
    if (S_ISREG(status.st_mode) && status.st_size == 0)
        return diag_fail(diag, DIAG_USAGE, "%s: is empty: 0 bytes, no capture", path);
    if (S_ISREG(status.st_mode) && trace_is_one(path))
        return diag_fail(diag, DIAG_USAGE, "%s: is a trace already: `caplay info`, `dump` and `replay` read it", path);
    return 0;
}

static gzFile open_gz(const char *path, struct interrupt *interrupt, struct diag *diag)
{
    int fd = strcmp(path, "-") == 0 ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
    gzFile gz = fd >= 0 ? gzdopen(fd, "rb") : NULL;
    if (gz == NULL)
        diag_errno(diag, DIAG_ENVIRONMENT, "%s: cannot be read", path);
    if (gz == NULL && fd >= 0)
        close(fd);
    if (gz == NULL || lseek(fd, 0, SEEK_CUR) >= 0 || interrupt_open(interrupt, fd, diag) == 0)
        return gz;
    gzclose_r(gz);
    return NULL;
}

FILE *input_open(const char *path, uint32_t *magic, struct interrupt *interrupt, struct diag *diag)
{
    static const cookie_io_functions_t functions = {.read = input_read, .seek = input_seek, .close = input_close};
    if (strcmp(path, "-") != 0 && check(path, diag) < 0)
        return NULL;
    FILE *plain = open_plain(path, magic);
    if (plain != NULL)
        return plain;
    struct input *in = calloc(1, sizeof *in);
    if (in == NULL)
        diag_errno(diag, DIAG_ENVIRONMENT, "%s: cannot be read", path);
    if (in == NULL || (in->gz = open_gz(path, interrupt, diag)) == NULL) {
        free(in);
        return NULL;
    }
    gzbuffer(in->gz, BUFFER_BYTES);
    int got = gzread(in->gz, in->head, sizeof in->head);
    in->nhead = got > 0 ? (size_t)got : 0;
    *magic = in->nhead == sizeof in->head ? wire_get32(in->head) : 0;
    FILE *file = fopencookie(in, "rb", functions);
    if (file == NULL) {
        diag_errno(diag, DIAG_ENVIRONMENT, "%s: cannot be read", path);
        input_close(in);
    }
    return file;
}
