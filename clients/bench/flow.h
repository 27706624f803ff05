/* Flow control of clients on a server that reports none, an IOC: `caplay capture` listens on lo to what is sent to the server,
 * which is little, and the spans between EVENTS_OFF and EVENTS_ON are added up afterwards. */
#ifndef CAPLAY_CLIENTS_BENCH_FLOW_H
#define CAPLAY_CLIENTS_BENCH_FLOW_H

#include "clients/bench/server.h"
#include "traces/trace.h"

struct bench_flow {
    pid_t pid; /* 0: not listening */
    int err;   /* its stderr */
    char trace[BENCH_PATH_BYTES + 16];
};

/* Returns once packets are captured. Without the permission to capture there is nothing to hear, which is no error. */
void bench_flow_start(struct bench_flow *flow, const char *folder, uint16_t port, uint64_t cores);

/* End it. False: nothing was heard; else the spans are in report->events_off and events_off_ns. */
bool bench_flow_stop(struct bench_flow *flow, struct bench_server_report *report);

/* The spans in what was heard. False without memory. */
bool bench_flow_count(const struct trace *trace, struct bench_server_report *report);

#endif
