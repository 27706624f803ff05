#include "sim/tap.h"

#include "base/clock.h"
#include "base/realtime.h"
#include "base/ring.h"
#include "traces/recorder.h"

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RING_BYTES    ((size_t)64 << 20)
#define RESERVE_BYTES 65536u            /* of the ring, for beginnings and ends of circuits */
#define LOOK_NS       (2 * 1000 * 1000) /* how long the helper sleeps where there is nothing to do */

enum kind { CIRCUIT_BEGINS, CIRCUIT_ENDS, STREAM, DATAGRAM };

struct record { /* what goes through the ring, `n` bytes behind it */
    enum kind kind;
    uint32_t n;
    uint64_t circuit, t_ns;
    uint64_t lost[2]; /* CIRCUIT_ENDS */
    struct dialogue_endpoints ends;
    bool from_server;
};

struct tap {
    struct ring ring;
    struct tap_loss loss;
    uint64_t untold; /* of these, datagrams and ends of circuits: no gap tells of them */
    struct recorder *recorder;
    pthread_t helper;
    atomic_bool ends;
    const char *path;
    uint8_t bytes[TAP_PIECE_BYTES]; /* the helper's */
};

/* ---- the helper thread ---- */

static void take_end(struct tap *tap, const struct record *record)
{
    for (unsigned from_server = 0; from_server < 2; from_server++)
        if (record->lost[from_server] > 0)
            recorder_gap(tap->recorder, record->circuit, from_server, record->lost[from_server]);
    recorder_close(tap->recorder, record->circuit, record->t_ns);
}

static void take_record(struct tap *tap, const struct record *record)
{
    const struct recorder_piece piece = {.circuit = record->circuit,
                                         .from_server = record->from_server,
                                         .t_ns = record->t_ns,
                                         .bytes = tap->bytes,
                                         .n = record->n};
    switch (record->kind) {
    case CIRCUIT_BEGINS:
        recorder_circuit(tap->recorder, record->circuit, &record->ends, record->t_ns);
        break;
    case CIRCUIT_ENDS:
        take_end(tap, record);
        break;
    case STREAM:
        recorder_bytes(tap->recorder, &piece);
        break;
    case DATAGRAM:
        recorder_datagram(tap->recorder, &record->ends, &piece);
        break;
    }
}

static void drain(struct tap *tap)
{
    struct record record;
    while (ring_take(&tap->ring, &record, sizeof record)) {
        ring_take(&tap->ring, tap->bytes, record.n); /* published together */
        take_record(tap, &record);
    }
}

/* It looks now and then: to wake it would cost the serving thread a system call. */
static void *help(void *arg)
{
    struct tap *tap = arg;
    bool told = false;
    realtime_leave();
    for (;;) {
        bool last = atomic_load_explicit(&tap->ends, memory_order_acquire);
        drain(tap);
        recorder_tick(tap->recorder, clock_monotonic_ns());
        if (recorder_failed(tap->recorder) && !told)
            fprintf(stderr, "caplay: %s cannot be written: nothing more is recorded\n", tap->path);
        told = recorder_failed(tap->recorder);
        if (last)
            return NULL;
        nanosleep(&(struct timespec){.tv_nsec = LOOK_NS}, NULL);
    }
}

/* ---- life ---- */

/* Signals are the serving thread's. */
static int start_helper(struct tap *tap, const struct isolation *isolation)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    isolation_step_out(isolation);
    int failed = pthread_create(&tap->helper, NULL, help, tap);
    isolation_step_in(isolation);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed == 0 ? 0 : -1;
}

static void free_tap(struct tap *tap)
{
    ring_fini(&tap->ring);
    free(tap);
}

struct tap *tap_open(const struct tap_config *config, const struct isolation *isolation, struct diag *diag)
{
    const size_t ring_bytes = config->ring_bytes != 0 ? config->ring_bytes : RING_BYTES;
    struct tap *tap = calloc(1, sizeof *tap);
    if (tap == NULL || ring_init(&tap->ring, ring_bytes) < 0) {
        diag_fail(diag, DIAG_ENVIRONMENT, "--tap: no memory for a ring of %zu bytes", ring_bytes);
        free(tap);
        return NULL;
    }
    tap->path = config->path;
    tap->recorder = recorder_open(config->path, config->source, config->realtime_ns, diag);
    if (tap->recorder != NULL && start_helper(tap, isolation) == 0)
        return tap;
    if (tap->recorder != NULL) {
        diag_fail(diag, DIAG_ENVIRONMENT, "--tap: cannot start a thread");
        recorder_abandon(tap->recorder);
    }
    free_tap(tap);
    return NULL;
}

static void join(struct tap *tap)
{
    atomic_store_explicit(&tap->ends, true, memory_order_release);
    pthread_join(tap->helper, NULL);
}

int tap_finish(struct tap *tap, struct diag *diag)
{
    struct trace_counts counts;
    join(tap);
    const struct tap_loss loss = tap->loss;
    int result = recorder_finish(tap->recorder, tap->untold, &counts, diag);
    if (loss.pieces > 0)
        fprintf(stderr,
                "caplay: %s is incomplete: %" PRIu64 " pieces (%" PRIu64 " bytes) came faster than they could be recorded\n",
                tap->path, loss.pieces, loss.bytes);
    if (result == 0)
        fprintf(stderr, "caplay: recorded %" PRIu32 " messages of %" PRIu32 " circuits and UDP sockets to %s\n", counts.events,
                counts.circuits, tap->path);
    free_tap(tap);
    return result;
}

void tap_abandon(struct tap *tap)
{
    if (tap == NULL)
        return;
    join(tap);
    recorder_abandon(tap->recorder);
    free_tap(tap);
}

struct tap_loss tap_loss(const struct tap *tap)
{
    return tap->loss;
}

/* ---- the serving thread ---- */

static void count_loss(struct tap *tap, uint64_t n)
{
    tap->loss.pieces++;
    tap->loss.bytes += n;
}

static void put_event(struct tap *tap, const struct record *record)
{
    if (!ring_has_room(&tap->ring, sizeof *record)) {
        count_loss(tap, 0);
        tap->untold++;
        return;
    }
    ring_put(&tap->ring, record, sizeof *record);
    ring_publish(&tap->ring);
}

void tap_begin(struct tap *tap, const struct tap_circuit *circuit, const struct dialogue_endpoints *ends, uint64_t now_ns)
{
    put_event(tap, &(struct record){.kind = CIRCUIT_BEGINS, .circuit = circuit->number, .t_ns = now_ns, .ends = *ends});
}

void tap_end(struct tap *tap, const struct tap_circuit *circuit, uint64_t now_ns)
{
    put_event(
        tap, &(struct record){
                 .kind = CIRCUIT_ENDS, .circuit = circuit->number, .t_ns = now_ns, .lost = {circuit->lost[0], circuit->lost[1]}});
}

/* A record and what lies at `bytes`. False: there is no room. */
static bool put_piece(struct tap *tap, const struct record *record, const void *bytes)
{
    if (!ring_has_room(&tap->ring, sizeof *record + record->n + RESERVE_BYTES))
        return false;
    ring_put(&tap->ring, record, sizeof *record);
    ring_put(&tap->ring, bytes, record->n);
    ring_publish(&tap->ring);
    return true;
}

/* n bytes in pieces. Returns how many of them found room. */
static size_t put_run(struct tap *tap, struct record *record, const uint8_t *bytes, size_t n)
{
    for (size_t at = 0; at < n; at += record->n) {
        record->n = (uint32_t)(n - at < TAP_PIECE_BYTES ? n - at : TAP_PIECE_BYTES);
        if (!put_piece(tap, record, bytes + at))
            return at;
    }
    return n;
}

void tap_stream(struct tap *tap, struct tap_circuit *circuit, const struct tap_bytes *bytes)
{
    uint64_t *lost = &circuit->lost[bytes->from_server];
    struct record record = {.kind = STREAM, .circuit = circuit->number, .t_ns = bytes->t_ns, .from_server = bytes->from_server};
    size_t left = bytes->n;
    for (const struct iovec *piece = bytes->pieces; left > 0 && *lost == 0; piece++) {
        size_t n = piece->iov_len < left ? piece->iov_len : left, put = put_run(tap, &record, piece->iov_base, n);
        left -= put;
        if (put < n)
            break;
    }
    if (left == 0)
        return;
    *lost += left;
    count_loss(tap, left);
}

void tap_datagram(struct tap *tap, const struct dialogue_endpoints *ends, const struct tap_bytes *bytes)
{
    const struct record record = {
        .kind = DATAGRAM, .n = (uint32_t)bytes->n, .t_ns = bytes->t_ns, .ends = *ends, .from_server = bytes->from_server};
    if (put_piece(tap, &record, bytes->pieces->iov_base))
        return;
    count_loss(tap, bytes->n);
    tap->untold++;
}
