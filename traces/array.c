#include "traces/array.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Two large pages, so that one of them is whole wherever the array begins. */
#define LARGE_BYTES ((size_t)4 << 20)

static bool is_large(const struct array *a)
{
    return a->bytes >= LARGE_BYTES;
}

/* Like realloc(), to pages of its own. */
static void *to_pages(const struct array *a, size_t bytes)
{
    if (is_large(a)) {
        void *moved = mremap(a->at, a->bytes, bytes, MREMAP_MAYMOVE);
        return moved != MAP_FAILED ? moved : NULL;
    }
    void *pages = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED)
        return NULL;
    (void)madvise(pages, bytes, MADV_HUGEPAGE); /* all of it, or it could not be moved in one piece */
    if (a->bytes > 0)
        memcpy(pages, a->at, a->bytes);
    free(a->at);
    return pages;
}

int array_reserve(struct array *a, uint32_t room, size_t record_bytes)
{
    const size_t bytes = room * record_bytes;
    void *at = bytes >= LARGE_BYTES ? to_pages(a, bytes) : realloc(a->at, bytes);
    if (at == NULL)
        return -1;
    a->at = at;
    a->room = room;
    a->bytes = bytes;
    return 0;
}

void array_fini(struct array *a)
{
    if (is_large(a))
        munmap(a->at, a->bytes);
    else
        free(a->at);
    *a = (struct array){0};
}
