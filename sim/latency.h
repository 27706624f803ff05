/* How long an answer takes: a model for each class of messages, drawn for each request. A delay counts from the request's
 * arrival; an update's from when it was due. Within its lane an answer still waits for the one before it.
 *
 * A draw depends on the seed, the class, the circuit's number and the request's number of its class on that circuit, and on
 * nothing else: the same client gets the same delays whatever others do. A circuit's number is its place in the order of accept,
 * so clients that connect at the same moment may get each other's. A search is known by its cid and the sequence number of its
 * datagram; an update by its subscription's number on the circuit and the number of the PV's post. No state between draws, but
 * for `recorded`, which gives the k-th request of a PV its k-th recorded time, whoever asks.
 *
 * Integer nanoseconds; the transforms use libm: equal on one machine, to a nanosecond or so between machines. */
#ifndef CAPLAY_SIM_LATENCY_H
#define CAPLAY_SIM_LATENCY_H

#include "base/histogram.h"
#include "base/options.h"
#include "sim/source.h"

#include <stdio.h>

/* The longest delay that is drawn, and the longest that can be asked for. */
#define LATENCY_MOST_NS UINT64_C(1000000000000000000)

enum latency_kind {
    LATENCY_RECORDED,  /* what the source says; 0 where nothing was recorded */
    LATENCY_SCALED,    /* the same times a factor */
    LATENCY_FIXED,     /* first_ns */
    LATENCY_UNIFORM,   /* first_ns to second_ns, both included */
    LATENCY_NORMAL,    /* mean first_ns, standard deviation second_ns; what would be negative is drawn again */
    LATENCY_LOGNORMAL, /* median first_ns, standard deviation of the logarithm: factor */
    LATENCY_PARETO,    /* at least first_ns, with the shape `factor` */
    LATENCY_EMPIRICAL, /* a trace's service times: of the PV where it has some, else of the class */
};

struct latency_model { /* zeroed: recorded */
    enum latency_kind kind;
    uint64_t first_ns, second_ns;
    double factor;
    const char *text, *file; /* as given, borrowed from argv; of `file` the rest of text. NULL: the default */
    size_t length;           /* of text */
    bool is_own;             /* given for this class, not for all */
};

struct latency_options {       /* as given */
    struct option_list models; /* --latency */
    uint64_t seed;
};

struct latency_config {
    struct latency_model model[SIM_CLASSES];
    uint64_t seed;
};

extern const char *const latency_class_names[SIM_CLASSES];

/* The options as models. -1 with DIAG_USAGE: option, value, what is wrong and an example. The options outlive the config. */
int latency_parse(struct latency_config *config, const struct latency_options *options, struct diag *diag);

/* A lateness budget cannot judge delays without a mean. -1 with DIAG_USAGE. */
int latency_check_budget(const struct latency_config *config, struct diag *diag);

/* Does some class need what the source has recorded? */
bool latency_needs_recorded(const struct latency_config *config);

struct latency_trace; /* an empirical model's */

struct latency { /* zeroed: recorded, nothing counted */
    struct latency_config config;
    struct latency_trace *traces[SIM_CLASSES]; /* several classes may have the same */
    struct histogram *drawn, *effective;       /* of each class, where it is counted. Effective: until the reply is handed over */
    bool is_counted[SIM_CLASSES];              /* it has a model, or recorded times */
    uint64_t floor_ns;                         /* the source's */
    bool has_recorded;                         /* the source has recorded times */
};

/* Load traces, make histograms, say what may surprise (stderr). -1 with DIAG_USAGE for a file, DIAG_ENVIRONMENT. latency_close()
 * also after a failure. */
int latency_open(struct latency *l, const struct latency_config *config, const struct sim_source *source, struct diag *diag);
void latency_close(struct latency *l);

struct latency_request {
    enum sim_class class;
    struct sim_pv *pv; /* NULL for ECHO */
    uint64_t circuit, number;
};

/* The delay of this request, in ns. Call it once a request. */
uint64_t latency_next(struct latency *l, const struct sim_source *source, const struct latency_request *r);

/* n replies of a class left so long after they were asked for. */
static inline void latency_count(struct latency *l, enum sim_class class, uint64_t ns, uint32_t n)
{
    for (; l->is_counted[class] && n > 0; n--)
        histogram_add(&l->effective[class], ns);
}

/* A model's delay for 64 random bits, for all kinds that need nothing else. */
uint64_t latency_of_bits(const struct latency_model *model, uint64_t bits);

/* latency_empirical.c: a trace's times. NULL with diag set. `class` must be one of those that the trace has times of. */
struct latency_trace *latency_trace_new(const char *path, struct diag *diag);
void latency_trace_free(struct latency_trace *trace);
bool latency_trace_has(const struct latency_trace *trace, enum sim_class class);
uint64_t latency_trace_draw(const struct latency_trace *trace, enum sim_class class, const char *pv, uint64_t bits);

/* latency_report.c: a line a class that has a model, and all of it. Of a write nobody sees when it takes effect: it has no
 * effective distribution. */
struct json_t;
void latency_print(const struct latency *l, FILE *out);
struct json_t *latency_json(const struct latency *l);

/* clang-format off */
#define LATENCY_OPTIONS(type, member) \
    {"latency", .kind = OPTION_LIST, .offset = offsetof(type, member.models), .metavar = "[CLASS=]MODEL", \
     .help = "how long answers take; may be repeated: see LATENCY above (default recorded)"}, \
    {"seed", .kind = OPTION_COUNT, .offset = offsetof(type, member.seed), .metavar = "N", \
     .help = "of the delays that are drawn (default 0)"}

#define LATENCY_ABOUT \
    "\n\nLATENCY: --latency [CLASS=]MODEL[,CLASS=MODEL...]\n" \
    "  models   recorded                        as in the recording; 0 where there is none\n" \
    "           0, 100us, fixed:100us           always the same\n" \
    "           uniform:100us..1ms              least..most\n" \
    "           normal:1ms,0.1ms                mean, standard deviation; never negative (such are drawn again)\n" \
    "           lognormal:1ms,0.4               median, sigma of the logarithm\n" \
    "           pareto:100us,1.5                scale (the least), shape\n" \
    "           empirical:FILE.catrace          a recording's service times, of the PV if it has some, else of the class\n" \
    "           scaled:2                        recorded times, multiplied\n" \
    "  classes  search, create, read, put-callback, first-update, echo: from a request's arrival to its reply\n" \
    "           write: from a put without callback to the updates that it causes\n" \
    "           update: from an update's due time to its sending; in order. One that waits is merged with a newer one by\n" \
    "           the rules of a server's event queue: arrays at once\n" \
    "A model without a class is for all that have none of their own; but update must be named. A delay depends on --seed, on\n" \
    "the circuit's place in the order of connecting and on the request's number there, so a client gets the same delays in\n" \
    "each run, whatever others do; clients that connect at the same moment may swap theirs. Of a search its cid and sequence\n" \
    "number count. What was drawn and what came of it is told at the end and in --report."
/* clang-format on */

#endif
