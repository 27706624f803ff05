/* --cpu and --realtime: a core for the serving thread, SCHED_FIFO, memory that is never paged out. What the system refuses is
 * told and is no failure: the run goes on, and its lateness shows what it cost. */
#ifndef CAPLAY_BASE_ISOLATION_H
#define CAPLAY_BASE_ISOLATION_H

#include "base/options.h"

#include <sched.h>
#include <sys/uio.h>

#define ISOLATION_NO_CPU   UINT64_MAX /* --cpu was not given */
#define ISOLATION_PRIORITY 20         /* of SCHED_FIFO: among those of EPICS's own threads, which rsrv runs so where it may */
#define ISOLATION_TEXT     512

struct isolation_wish {
    uint64_t cpu;
    bool realtime;
};

/* Put ISOLATION_OPTIONS(struct my, wish) into a command's table, and ISOLATION_NO_CPU into wish.cpu before parsing. */
/* clang-format off */
#define ISOLATION_OPTIONS(type, member) \
    {"cpu", .kind = OPTION_COUNT, .offset = offsetof(type, member.cpu), .metavar = "N", .max = CPU_SETSIZE - 1, \
     .help = "pin the server to core N; what else runs here goes to the others"}, \
    {"realtime", .kind = OPTION_FLAG, .offset = offsetof(type, member.realtime), \
     .help = "SCHED_FIFO and locked memory; what is refused is told"}
/* clang-format on */

enum isolation_part { ISOLATION_CPU, ISOLATION_FIFO, ISOLATION_MEMORY, ISOLATION_PARTS };

struct isolation {
    struct isolation_wish wish;
    bool asked[ISOLATION_PARTS];
    int error[ISOLATION_PARTS]; /* errno of what was asked and refused; 0: granted */
    cpu_set_t before, others;   /* the cores we had; those but the pinned one, or all if that was the only one */
};

/* Is there such a core? -1 with DIAG_USAGE that names those that there are. */
int isolation_check(const struct isolation_wish *wish, struct diag *diag);

/* Pin the calling thread and give it SCHED_FIFO, as wished. Threads and processes that it starts from now on are not SCHED_FIFO,
 * but inherit its core unless it steps out. */
void isolation_apply(struct isolation *isolation, const struct isolation_wish *wish);

/* Where --realtime is wished: lock the memory of the process. What it has stays from its first use on; what it is given from now
 * on is there at once. Not so `pageable` (NULL: none), a mapped recording that may be larger than the memory and is read ahead.
 */
void isolation_lock_memory(struct isolation *isolation, const struct iovec *pageable);

/* To the other cores, and back: around the start of a helper thread or of a process that must not share the pinned core. */
void isolation_step_out(const struct isolation *isolation);
void isolation_step_in(const struct isolation *isolation);

/* Give up core and SCHED_FIFO, as before isolation_apply(). */
void isolation_undo(const struct isolation *isolation);

static inline bool isolation_granted(const struct isolation *isolation, enum isolation_part part)
{
    return isolation->asked[part] && isolation->error[part] == 0;
}

/* "core", "sched_fifo", "memory_lock": the parts' names in reports. */
extern const char *const isolation_names[ISOLATION_PARTS];

/* "core 1 granted, SCHED_FIFO refused (Operation not permitted), memory lock granted"; empty if nothing was asked for. */
void isolation_show(const struct isolation *isolation, char text[ISOLATION_TEXT]);

/* Has the process this capability (CAP_...) in effect? */
bool isolation_is_capable(unsigned capability);

#endif
