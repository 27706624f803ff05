/* `caplay proxy`: a recording proxy in front of IOCs, for who may not capture packets. It answers the searches that the IOC
 * answers, passes circuits on as they are, and records what clients say and hear. No privileges, no threads but the tap's. */
#ifndef CAPLAY_REPLAY_PROXY_H
#define CAPLAY_REPLAY_PROXY_H

#include "base/diag.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

struct proxy_config {
    const struct sockaddr_in *to; /* where to search: IOCs, broadcast addresses */
    unsigned nto;
    const char *to_text; /* as given */
    const char *source;  /* what the trace calls itself; NULL: a proxy of to_text */
    const char *path;    /* the trace; NULL: nothing is recorded */
    struct in_addr interface;
    uint16_t port;        /* 0: any free one */
    const char *env_file; /* or NULL */
    const char *http;     /* or NULL */
    bool status;
    bool is_quiet; /* no ready line */
    int out;       /* the command's standard output; -1: as ours */
};

struct proxy_counts {
    uint64_t searches, answers; /* names asked by clients; those that the IOC has */
    uint64_t circuits;          /* so far */
    uint64_t open;              /* now */
    uint64_t refused;           /* the IOC could not be reached for them */
    uint64_t bytes[2];          /* from clients; from the IOC */
};

/* Serve until SIGINT or SIGTERM, or until `command` (NULL: none) ends. Exit code, or -1 with diag. */
int proxy_run(const struct proxy_config *config, char **command, struct diag *diag);

#endif
