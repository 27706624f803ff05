/* One file after the other: when the next one begins, and what it is called, as tcpdump has it (-C, -G, -W). Pure: no clock, no
 * file. Rule: tcpdump(1). */
#ifndef CAPLAY_CAPTURE_ROTATION_H
#define CAPLAY_CAPTURE_ROTATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rotation_rules {
    const char *path;              /* with by_seconds: a format for strftime(3), too */
    uint64_t by_bytes, by_seconds; /* begin another file then; 0: never */
    unsigned files;                /* by_bytes: the file behind the last is the first again; by_seconds: the last one ends it all;
                                      both: it only pads the numbers; 0: any number */
};

struct rotation {
    struct rotation_rules rules;
    uint64_t begin_ns;       /* of this file, since the Unix epoch; the caller sets the first one's */
    uint64_t number, slices; /* files of this slice of time; slices */
};

/* The name of the present file. */
void rotation_name(const struct rotation *r, char *path, size_t room);

enum rotation_step { ROTATION_STAY, ROTATION_NEXT, ROTATION_END };

/* Before a packet of this time is written: does it go into another file, whose name rotation_name() tells then, or into none?
 * bytes: of the present file. */
enum rotation_step rotation_step(struct rotation *r, uint64_t now_ns, uint64_t bytes);

#endif
