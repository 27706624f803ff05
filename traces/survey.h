/* What a trace holds, in numbers: one walk over its events. */
#ifndef CAPLAY_TRACES_SURVEY_H
#define CAPLAY_TRACES_SURVEY_H

#include "base/histogram.h"
#include "traces/trace.h"

/* Requests whose replies have service times. */
enum survey_class {
    SURVEY_SEARCH,
    SURVEY_CREATE,
    SURVEY_READ,
    SURVEY_WRITE,
    SURVEY_SUBSCRIBE, /* to the first update */
    SURVEY_CANCEL,
    SURVEY_CLEAR,
    SURVEY_ECHO,
    SURVEY_CLASSES
};

extern const char *const survey_class_names[SURVEY_CLASSES];

struct survey_pv {
    uint64_t messages, updates;
    uint32_t subscriptions;
    uint64_t intervals, intervals_ns; /* between the changes that one subscription saw, all subscriptions added up */
};

struct survey_circuit {
    uint64_t messages, bytes; /* payload */
    uint32_t channels;        /* created */
};

struct survey_kind {
    uint64_t messages[2], bytes[2]; /* from the client, from the server */
};

struct survey {
    struct survey_pv *pvs;                       /* npvs */
    struct survey_circuit *circuits;             /* ncircuits */
    struct survey_kind kinds[WIRE_COMMANDS + 1]; /* the last: unknown commands */
    struct histogram *service;                   /* SURVEY_CLASSES */
    uint64_t payload_bytes, updates;
    uint32_t subscriptions;
    uint32_t carried, filled; /* messages from outside the recording's time, which count nowhere else */
};

/* NULL without memory. */
struct survey *survey_new(const struct trace *trace);
void survey_free(struct survey *survey);

/* Messages and payload bytes by command, to stdout. nevents: the trace's. */
void survey_print_messages(const struct survey *survey, uint32_t nevents);

#endif
