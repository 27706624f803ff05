/* EPICS Base's CA repeater, which hands beacons on to the clients of this machine (ca-protocol 9.2). */
#ifndef CAPLAY_CLIENTS_LIBCA_REPEATER_H
#define CAPLAY_CLIENTS_LIBCA_REPEATER_H

#include "base/diag.h"

/* Run it on EPICS_CA_REPEATER_PORT, in the foreground, and print `ready udp=P` once it answers; the process ends with 0 on SIGINT
 * or SIGTERM. Returns only with an error: -1 and a diag. */
int repeater_run(struct diag *diag);

/* Run it in a thread until the process ends, and return once it answers. Where the port is taken another one runs: then nothing
 * is done. 0, or -1 and a diag. */
int repeater_beside(struct diag *diag);

#endif
