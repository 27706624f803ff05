/* Child processes: start one with an environment, a core, a limit on open files; wait for it without sleeping. */
#ifndef CAPLAY_BASE_CHILD_H
#define CAPLAY_BASE_CHILD_H

#include "base/diag.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define CHILD_ALL_CORES (-1)

struct child_spec {
    char *const *argv; /* argv[0] is looked up in PATH */
    char *const *env;  /* "NAME=VALUE" entries added to ours, or removed where they are just "NAME"; NULL-terminated, or NULL */
    const uint64_t *cores;                 /* bit i: core i allowed; NULL: as ours */
    bool realtime;                         /* SCHED_FIFO, where it is granted */
    bool own_group;                        /* a Ctrl-C at the terminal does not reach it: we end it ourselves */
    unsigned nofile;                       /* RLIMIT_NOFILE, 0: as ours */
    int in, out, err;                      /* descriptors to become 0, 1, 2; -1: as ours */
    void (*on_born)(pid_t pid, void *arg); /* called when the process is there and before it is argv[0]; or NULL */
    void *arg;
};

/* pid, or -1 with DIAG_ENVIRONMENT (no such program...). The child gets SIGTERM if we die. */
pid_t child_spawn(const struct child_spec *spec, struct diag *diag);

/* Is SCHED_FIFO granted to us and our children? */
bool child_realtime_granted(void);

/* Run a program to its end, with this descriptor as its standard input (-1: ours). Its exit code, or -1. */
int child_run(const char *const *argv, int in, struct diag *diag);

/* Exit code of a status from waitpid(), as a shell gives it: 128 + signal for a killed one. */
int child_exit_code(int status);

/* Path of a helper program or file beside caplay: $CAPLAY_LIBEXEC/NAME, else libexec/NAME or ../libexec/caplay/NAME from the
 * folder that caplay itself lies in. 0, or -1 with DIAG_ENVIRONMENT that names what was looked for. */
int child_libexec(const char *name, char *path, size_t room, struct diag *diag);

/* ---- what a CA client needs to find a server on this machine ---- */

/* The port in an environment variable of EPICS, which refuses those up to 5000 (ca-protocol 1.3): then, or where it is not set,
 * `otherwise`. */
uint16_t child_epics_port(const char *name, uint16_t otherwise);

struct child_ports {
    const char *address; /* "127.0.0.1" */
    uint16_t port;       /* the server's UDP port */
    uint16_t repeater;   /* 0: EPICS_CA_REPEATER_PORT of our environment, else 5065 */
};

/* EPICS_CA_ADDR_LIST, EPICS_CA_AUTO_ADDR_LIST=NO, EPICS_CA_NAME_SERVERS (none), EPICS_CA_SERVER_PORT, EPICS_CA_REPEATER_PORT,
 * EPICS_CA_MAX_ARRAY_BYTES (only if it is set in ours), as "NAME=VALUE" lines. */
#define CHILD_ENV_LINES 6
struct child_env {
    char line[CHILD_ENV_LINES][128];
    char *entries[CHILD_ENV_LINES + 1]; /* for child_spec.env; points into line */
};
void child_client_env(const struct child_ports *ports, struct child_env *env);

/* Write the lines to a file that a shell can source; it appears whole (written aside, then renamed). */
int child_env_file(const char *path, const struct child_env *env, struct diag *diag);

/* A port that is free for UDP and for TCP at this address, outside the ephemeral range. 0, or -1. */
int child_pick_port(const char *address, uint16_t *port, struct diag *diag);

#endif
