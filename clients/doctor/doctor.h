/* `caplay doctor`: what on this machine spoils timing, each with how to mend it, and the floor that is left. */
#ifndef CAPLAY_CLIENTS_DOCTOR_H
#define CAPLAY_CLIENTS_DOCTOR_H

#include "base/diag.h"
#include "base/isolation.h"

#include <stdbool.h>
#include <stdint.h>

/* ---- doctor_text.c: texts of /proc and /sys. Pure ---- */

struct doctor_ticks { /* of all cores, since the machine was started */
    uint64_t total, idle, steal;
};

/* The line "cpu ..." of /proc/stat. False: there is none, or fields are missing; what kernels without `steal` lack is 0. */
bool doctor_parse_stat(const char *text, struct doctor_ticks *ticks);

/* The word in brackets: "always [madvise] never". False: there is none, or it has no room. */
bool doctor_parse_chosen(const char *text, char *word, size_t room);

/* The n-th number (from 0) of a line: "4096 16384 4194304". */
bool doctor_parse_number(const char *text, unsigned n, int64_t *number);

/* Does the first line "KEY : ..." hold the word by itself: "flags : fpu hypervisor"? */
bool doctor_has_flag(const char *text, const char *key, const char *word);

/* ---- what was found ---- */

#define DOCTOR_FINDINGS 40
#define DOCTOR_FOUND    160
#define DOCTOR_MEND     160

struct doctor_finding {
    const char *what;
    bool is_good;
    char found[DOCTOR_FOUND];
    char mend[DOCTOR_MEND]; /* one line; empty where it is good */
};

struct doctor {
    struct doctor_finding at[DOCTOR_FINDINGS];
    unsigned n;
};

/* Add one; the mend is dropped where it is good. `found` is formatted. */
void doctor_find(struct doctor *d, const char *what, bool is_good, const char *mend, const char *found, ...)
    __attribute__((format(printf, 5, 6)));

/* doctor_machine.c: processors and kernel. Looks at the load for sample_ns. */
void doctor_machine(struct doctor *d, uint64_t sample_ns);

/* doctor_rights.c: what we may do, how large sockets may be, what the environment says to CA clients. */
void doctor_rights(struct doctor *d);
void doctor_environment(struct doctor *d);

/* ---- doctor_floor.c ---- */

struct doctor_quantiles {
    uint64_t p50_ns, p99_ns, max_ns;
};

struct doctor_floor {
    uint64_t clock_ns;                          /* one reading of CLOCK_MONOTONIC */
    struct doctor_quantiles sleeping, spinning; /* wake-up error of a timer, on a grid of 1 ms */
    struct doctor_quantiles send, round_trip;   /* 614,400 bytes by loopback TCP: until the kernel has them; until the reader had
                                                   them and   has answered */
};

/* About 2 s. 0, or -1 with DIAG_ENVIRONMENT. The reader is a thread on the other cores. */
int doctor_measure(struct doctor_floor *floor, const struct isolation *isolation, struct diag *diag);

#endif
