/* --tap FILE: the server's own recording of what it received and sent, without libpcap. The serving thread puts bytes and times
 * into a ring, and makes no system call for it; one helper thread takes them out, pairs requests with replies and writes the
 * trace (design, rule 5). A full ring never holds up serving: what did not fit is counted, told, and makes the recording
 * incomplete. Circuits and searches are recorded, beacons are not. */
#ifndef CAPLAY_SIM_TAP_H
#define CAPLAY_SIM_TAP_H

#include "base/isolation.h"
#include "traces/dialogue.h"

#define TAP_PIECE_BYTES 65536u /* longer sends go through the ring in pieces; the largest datagram fits */

struct tap;

struct tap_config {
    const char *path;
    const char *source;   /* who records, for `caplay info` */
    uint64_t realtime_ns; /* CLOCK_REALTIME - CLOCK_MONOTONIC */
    size_t ring_bytes;    /* a power of two, at least 4 pieces; 0: 64 MiB */
};

struct tap_circuit { /* one circuit's side of it; kept by its connection */
    uint64_t number;
    uint64_t lost[2]; /* bytes from the client, and to it, that did not fit. From the first on a direction is not recorded */
};

/* Open FILE.part and start the helper, on other cores than our own where that one is ours alone. NULL with diag. */
struct tap *tap_open(const struct tap_config *config, const struct isolation *isolation, struct diag *diag);

/* ---- the serving thread's ---- */

void tap_begin(struct tap *tap, const struct tap_circuit *circuit, const struct dialogue_endpoints *ends, uint64_t now_ns);

/* The first n bytes of these pieces were received or sent. */
struct tap_bytes {
    const struct iovec *pieces;
    size_t n;
    bool from_server;
    uint64_t t_ns; /* of arrival, or when they were handed to the kernel */
};
void tap_stream(struct tap *tap, struct tap_circuit *circuit, const struct tap_bytes *bytes);
void tap_datagram(struct tap *tap, const struct dialogue_endpoints *ends, const struct tap_bytes *bytes);
void tap_end(struct tap *tap, const struct tap_circuit *circuit, uint64_t now_ns);

/* Pieces and bytes that did not fit, so far. */
struct tap_loss {
    uint64_t pieces, bytes;
};
struct tap_loss tap_loss(const struct tap *tap);

/* Wait for the helper, finish the file, tell on stderr what is in it, and free the tap. 0, or -1 with DIAG_ENVIRONMENT. */
int tap_finish(struct tap *tap, struct diag *diag);

/* Free it and leave no file. NULL: nothing. */
void tap_abandon(struct tap *tap);

#endif
