#include "traces/array.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Two large pages, so that one of them is whole wherever the array begins. */
#define LARGE_BYTES ((size_t)4 << 20)

static bool is_large(const struct array *a)
{
    return a->bytes >= LARGE_BYTES;
}

static void *remap(const struct array *a, size_t bytes)
{
    void *moved = mremap(a->at, a->bytes, bytes, MREMAP_MAYMOVE);
    return moved != MAP_FAILED ? moved : NULL;
}

static void free_memory(const struct array *a)
{
    if (is_large(a))
        munmap(a->at, a->bytes);
    else
        free(a->at);
}

/* Like realloc(), to pages of its own. */
static void *to_pages(struct array *a, size_t bytes)
{
    if (is_large(a))
        return remap(a, bytes);
    void *pages = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED)
        return NULL;
    (void)madvise(pages, bytes, MADV_HUGEPAGE); /* all of it, or it could not be moved in one piece */
    if (a->bytes > 0)
        memcpy(pages, a->at, a->bytes);
    free_memory(a);
    return pages;
}

/* A file without a name; whatever bears such a name already stays. -1 with errno. */
static int open_spill(const char *path)
{
    char name[PATH_MAX + 64];
    snprintf(name, sizeof name, "%s.XXXXXX", path);
    const int file = mkostemp(name, O_CLOEXEC);
    if (file >= 0)
        unlink(name);
    return file;
}

static int allocate(int file, size_t from, size_t to)
{
    int error;
    do
        error = posix_fallocate(file, (off_t)from, (off_t)(to - from));
    while (error == EINTR);
    errno = error;
    return error == 0 ? 0 : -1;
}

/* What there is goes through the kernel: by the mapping both of them would take memory at once. */
static bool write_all(const struct array *a, int file)
{
    for (size_t done = 0; done < a->bytes;) {
        const ssize_t n = pwrite(file, (const char *)a->at + done, a->bytes - done, (off_t)done);
        if (n < 0 && errno != EINTR)
            return false;
        done += n > 0 ? (size_t)n : 0;
    }
    return true;
}

/* From memory to the pages of a file. */
static void *to_file(struct array *a, size_t bytes)
{
    const int file = open_spill(a->spill);
    if (file < 0)
        return NULL;
    void *pages = MAP_FAILED;
    if (allocate(file, 0, bytes) == 0 && write_all(a, file))
        pages = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (pages == MAP_FAILED) {
        const int error = errno;
        close(file);
        errno = error;
        return NULL;
    }
    free_memory(a);
    a->file = file;
    a->is_on_file = true;
    return pages;
}

static void *resize(struct array *a, size_t bytes)
{
    if (a->is_on_file)
        return allocate(a->file, a->bytes, bytes) == 0 ? remap(a, bytes) : NULL;
    if (a->spill != NULL && bytes > ARRAY_MEMORY_BYTES)
        return to_file(a, bytes);
    return bytes >= LARGE_BYTES ? to_pages(a, bytes) : realloc(a->at, bytes);
}

/* Memory doubles, a file grows in equal steps. */
static uint32_t next_room(const struct array *a, uint32_t n, size_t record_bytes)
{
    uint64_t room = (uint64_t)a->room * 2 + n + 1024;
    if (a->spill != NULL && room * record_bytes > ARRAY_MEMORY_BYTES)
        room = (uint64_t)a->count + n + ARRAY_FILE_BYTES / record_bytes;
    return room < UINT32_MAX ? (uint32_t)room : UINT32_MAX;
}

int array_reserve(struct array *a, uint32_t n, size_t record_bytes)
{
    if (n >= UINT32_MAX - a->count) {
        errno = EOVERFLOW;
        return -1;
    }
    if (a->room - a->count >= n)
        return 0;
    const uint32_t room = next_room(a, n, record_bytes);
    void *at = resize(a, room * record_bytes);
    if (at == NULL)
        return -1;
    a->at = at;
    a->room = room;
    a->bytes = room * record_bytes;
    return 0;
}

void *array_add(struct array *a, uint32_t n, size_t record_bytes)
{
    if (array_reserve(a, n, record_bytes) < 0)
        return NULL;
    void *added = (char *)a->at + (size_t)a->count * record_bytes;
    memset(added, 0, n * record_bytes);
    a->count += n;
    return added;
}

/* Whole pages; ranges that follow one another leave none out. */
void array_release(const struct array *a, uint32_t from, uint32_t end, size_t record_bytes)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), first = from * record_bytes / page * page,
                 last = end * record_bytes / page * page;
    if (a->is_on_file && last > first)
        (void)madvise((char *)a->at + first, last - first, MADV_DONTNEED);
}

void array_fini(struct array *a)
{
    free_memory(a);
    if (a->is_on_file)
        close(a->file);
    *a = (struct array){.spill = a->spill};
}
