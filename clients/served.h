/* A server by its name: host:port, or one of ours started as a process of its own for as long as it is needed: ioc:FILE.db (a
 * real EPICS Base IOC), sim:FILE.db, sim:ten-thousand, replay:FILE. */
#ifndef CAPLAY_CLIENTS_SERVED_H
#define CAPLAY_CLIENTS_SERVED_H

#include "base/diag.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/types.h>

struct served {
    const char *name; /* borrowed */
    struct in_addr address;
    uint16_t udp_port, tcp_port; /* of host:port both are the same until a search tells */
    pid_t pid;                   /* 0: not ours */
    int out, log;                /* its stdout, and what it wrote to stderr */
};

/* Start it, without waiting for it. 0; or -1 with DIAG_USAGE for a name that is none. */
int served_start(const char *name, struct served *served, struct diag *diag);

/* Returns once it is ready. 0; or -1 with DIAG_ENVIRONMENT and its last words; then it is stopped. */
int served_wait(struct served *served, struct diag *diag);

/* Has one of ours ended by itself? */
bool served_is_gone(const struct served *served);

/* Ask it to stop; served_stop() waits until it has. */
void served_ask_to_stop(const struct served *served);
void served_stop(struct served *served);

/* The database file in "ioc:FILE.db" or "sim:FILE.db", else NULL. */
const char *served_database(const char *name);

#endif
