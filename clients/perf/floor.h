/* caplay-floor: what the bare machine can do, for `make perf` to hold servers against. Each kind does the least that the work
 * needs: no channels, no queues, no events. Every kind prints one JSON line; samples go to a file of native 64-bit numbers. */
#ifndef CAPLAY_CLIENTS_FLOOR_H
#define CAPLAY_CLIENTS_FLOOR_H

#include "base/clock.h"
#include "base/diag.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct floor_options {
    const char *what;                   /* the kind, or yaml's file */
    uint64_t port;                      /* of the server */
    uint64_t sockets;                   /* of a writer or reader */
    uint64_t frames, count, per_second; /* frames of a stream; gets, names or deadlines; searches */
    struct clock_rate rate;             /* of frames; num 0: as fast as possible */
    uint64_t for_ns, delay_ns;
    const char *pv, *samples, *file;
    bool pipelined, never_spins;
};

#define FLOOR_IMAGE_BYTES   614400u /* 640x480 SHORT */
#define FLOOR_MESSAGE_BYTES (24u + FLOOR_IMAGE_BYTES)

int floor_write(const struct floor_options *o, struct diag *diag);  /* frames to readers that connect */
int floor_read(const struct floor_options *o, struct diag *diag);   /* frames of a writer, or of a CA server's PV */
int floor_get(const struct floor_options *o, struct diag *diag);    /* gets from a CA server */
int floor_search(const struct floor_options *o, struct diag *diag); /* searches to a CA server at a rate */
int floor_wake(const struct floor_options *o, struct diag *diag);   /* deadlines that nothing else disturbs */
int floor_relay(const struct floor_options *o, struct diag *diag);  /* passes a CA server on, at once or later */
int floor_decode(const struct floor_options *o, struct diag *diag); /* libpcap's packets of a file, each byte summed up */
int floor_open(const struct floor_options *o, struct diag *diag);   /* a trace's index: mapped and touched; opened by us */
int floor_yaml(const struct floor_options *o, struct diag *diag);   /* libyaml's events of a file, thrown away */

/* ---- what the kinds share ---- */

/* Waits until a deadline: asleep until a guard before it, then looking at the clock (as sim/loop.h does). */
struct floor_pace {
    int timer_fd;
    bool spins;
    uint64_t mean_ns, deviation_ns; /* of the wake-ups */
};

int floor_pace_init(struct floor_pace *pace, bool spins, struct diag *diag);
void floor_pace_fini(struct floor_pace *pace);
uint64_t floor_pace_until(struct floor_pace *pace, uint64_t due_ns); /* returns the time, due_ns or later */

/* Samples, in memory that is there before the clock starts. What has no room is dropped. */
struct floor_log {
    uint64_t *at;
    size_t n, room;
};

int floor_log_init(struct floor_log *log, size_t room, struct diag *diag);
void floor_log_add(struct floor_log *log, uint64_t value);
int floor_log_write(struct floor_log *log, const char *file, struct diag *diag); /* NULL: nowhere; frees it either way */

/* A TCP socket that listens at 127.0.0.1, and its port. -1 with diag. */
int floor_listen(unsigned *port, struct diag *diag);

/* A connected TCP socket to the port on 127.0.0.1, with TCP_NODELAY. -1 with diag. */
int floor_connect(uint64_t port, struct diag *diag);
int floor_send_all(int fd, const uint8_t *bytes, size_t n, struct diag *diag);
int floor_receive_all(int fd, uint8_t *bytes, size_t n, struct diag *diag);

/* A CA circuit with one channel for the PV: its sid. */
int floor_open_channel(int fd, const char *pv, uint32_t *sid, struct diag *diag);

#endif
