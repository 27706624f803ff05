/* A recording by whoever holds the sockets, without a capture: each circuit's two streams come in order, are cut into messages,
 * and go through the dialogue to the writer; datagrams too. Times are CLOCK_MONOTONIC ns, given by the caller. No thread, no
 * clock, no socket. Source: design, rule 5 (the tap). */
#ifndef CAPLAY_TRACES_RECORDER_H
#define CAPLAY_TRACES_RECORDER_H

#include "traces/dialogue.h"

struct recorder;

/* source: who records, for `caplay info`; realtime_ns: CLOCK_REALTIME - CLOCK_MONOTONIC. NULL with diag: the file cannot be
 * written, no memory. */
struct recorder *recorder_open(const char *path, const char *source, uint64_t realtime_ns, struct diag *diag);

/* A circuit has begun; `circuit` is the caller's number for it, which is not used again. */
void recorder_circuit(struct recorder *r, uint64_t circuit, const struct dialogue_endpoints *ends, uint64_t t_ns);

struct recorder_piece { /* of one direction of a circuit, or a datagram */
    uint64_t circuit;
    bool from_server;
    uint64_t t_ns;
    const uint8_t *bytes; /* borrowed for the call */
    size_t n;
};
void recorder_bytes(struct recorder *r, const struct recorder_piece *piece);
void recorder_datagram(struct recorder *r, const struct dialogue_endpoints *ends, const struct recorder_piece *piece);

/* n bytes of a direction were not recorded. Nothing is known of it from there on, and what still comes is counted as lost, too.
 */
void recorder_gap(struct recorder *r, uint64_t circuit, bool from_server, uint64_t n);

/* A circuit has ended. */
void recorder_close(struct recorder *r, uint64_t circuit, uint64_t t_ns);

/* Did writing fail (disk full)? From then on nothing is recorded; recorder_finish() says why. */
/* Time passes, by any clock: see trace_writer_tick(). */
void recorder_tick(struct recorder *r, uint64_t now_ns);

bool recorder_failed(const struct recorder *r);

/* Write the rest, rename; free the recorder. lost: datagrams and ends of circuits that never came here. 0, or -1 with
 * DIAG_ENVIRONMENT. */
int recorder_finish(struct recorder *r, uint64_t lost, struct trace_counts *counts, struct diag *diag);

/* Free it and leave no file. */
void recorder_abandon(struct recorder *r);

#endif
