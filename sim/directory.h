/* Up to millions of PV names, each held once, in one block of text, and numbered in the order in which they came. Finding
 * allocates nothing. No I/O. */
#ifndef CAPLAY_SIM_DIRECTORY_H
#define CAPLAY_SIM_DIRECTORY_H

#include "base/lookup.h"

struct directory {
    struct lookup lookup;
    char *text; /* all of them, NUL-terminated */
    size_t used, room;
    uint32_t *at; /* where the i-th begins */
    uint32_t count, count_room;
};

/* It must stay where it is: its lookup refers to it. */
void directory_init(struct directory *names);
void directory_fini(struct directory *names);

/* Add a name that is not there, NUL-terminated. 0, or -1 without memory. */
int directory_add(struct directory *names, const char *name, size_t length);

/* Its number, or LOOKUP_NONE. */
uint32_t directory_find(const struct directory *names, const char *name, size_t length);

/* NUL-terminated; borrowed until the next directory_add(). */
const char *directory_text(const struct directory *names, uint32_t number);

/* No more will come: give back what is too much. Then texts stay where they are. */
void directory_settle(struct directory *names);

#endif
