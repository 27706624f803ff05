/* What a trace tells about values: subscriptions as streams, and every update and READ reply as a sample with its time, stamp,
 * alarm and data. Nothing is merged here. Times are ns since the trace's first packet, stamps ns since 1990-01-01 UTC.
 * Rule: ca-protocol 6.1, 6.3, 6.5, 7.1. */
#ifndef CAPLAY_REPLAY_SAMPLES_H
#define CAPLAY_REPLAY_SAMPLES_H

#include "replay/arena.h"
#include "replay/names.h"
#include "traces/trace.h"
#include "wire/value.h"

#define SAMPLE_READ  UINT32_MAX /* instead of a stream: a READ's reply, or an update of a subscription to properties only */
#define SAMPLE_WHOLE UINT32_MAX /* asked for with count 0: as many elements as there were */

/* Times beyond (73 years) are clamped, so that sums of a time and a stamp stay in 63 bits. */
#define SAMPLES_LATEST_NS (UINT64_C(1) << 61)

/* How well values of one base type stand for those of a PV's native one. */
enum sample_fit { SAMPLE_LOSSY, SAMPLE_LOSSLESS, SAMPLE_EXACT };

struct stream {                  /* one subscription to values */
    uint64_t begin_ns, end_ns;   /* first update; the cancel, or the end of its circuit. Without updates: begin is UINT64_MAX */
    uint32_t event;              /* its EVENT_ADD, in ascending order */
    uint32_t pv, next;           /* the PV, and its next stream or TRACE_NONE */
    uint32_t asked;              /* elements asked for, or SAMPLE_WHOLE */
    uint8_t fit;                 /* enum sample_fit */
    bool has_stamps, has_values; /* a TIME type; mask with DBE_VALUE or DBE_LOG */
    bool goes_back;              /* an update bears an earlier stamp than the one before it */
    struct sample *last;         /* while collecting: its last sample so far with a stamp */
};

struct sample {
    uint64_t t_ns, stamp_ns;
    uint64_t next_stamp_ns; /* of its stream's next update with a stamp; 0: there is none */
    const uint8_t *data;    /* count elements of `base`, in the trace or in the arena */
    uint32_t event, stream; /* indices; stream may be SAMPLE_READ */
    uint32_t count, asked;
    uint16_t status, severity;
    uint8_t base, fit;
    bool has_alarm, has_stamp;
    bool is_state;     /* told on demand (READ, first update): the value may have been there for long */
    bool next_repeats; /* its stream's next update has the same data, as far as the trace keeps them once */
};

struct samples_pv { /* what is known of a PV before its values are looked at */
    uint32_t count;
    uint8_t native;
    bool is_served;  /* its CREATE_CHAN was answered */
    bool has_holes;  /* some of it went over a circuit of which bytes are missing */
    bool has_values; /* the recording itself has some: a snapshot's is not needed */
    uint32_t first_stream;
    uint32_t first_sample, nsamples; /* of all samples: those of this PV, in the order of packets */
    struct wire_meta meta;
};

struct samples {
    const struct trace *trace;
    struct names *names;    /* records: "x.VAL" is "x" */
    uint32_t *pv_of;        /* trace PV -> index here, or NAMES_NONE */
    struct samples_pv *pvs; /* names_count(names) */
    struct stream *streams;
    uint32_t nstreams;
    struct sample *all;
    uint32_t nall;
    struct arena arena; /* data that had to be completed */
};

/* Collect. 0, or -1 with DIAG_ENVIRONMENT (memory). The trace must stay open; samples_fini() also after a failure. */
int samples_init(struct samples *samples, const struct trace *trace, struct diag *diag);
void samples_fini(struct samples *samples);

enum sample_fit sample_fit(unsigned native, unsigned base);

/* The stamp of an instant of the trace, saturated at 0. */
uint64_t samples_stamp_ns(const struct trace *trace, uint64_t t_ns);

#endif
