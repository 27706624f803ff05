/* The fake server's core: PVs by name, channels by sid, circuits, posts. It takes bytes, times and changes of value, and gives
 * bytes and deadlines; it knows no socket and no clock. Nothing is global: a process may hold many.
 * Rules: ca-protocol 3.4, 5.2, 6.5. */
#ifndef CAPLAY_SIM_CORE_H
#define CAPLAY_SIM_CORE_H

#include "sim/channel.h"
#include "sim/circuit.h"
#include "sim/latency.h"
#include "sim/lateness.h"
#include "sim/link.h"
#include "sim/observed.h"
#include "sim/start.h"

/* The largest message taken or given, header included, unless EPICS_CA_AUTO_ARRAY_BYTES=NO sets another (a real server stops
 * where its memory ends). */
#define SIM_MESSAGE_LIMIT (UINT64_C(256) << 20)

/* EPICS_CA_MAX_ARRAY_BYTES where it is not set. */
#define SIM_ARRAY_BYTES UINT64_C(16384)

struct sim_counts {
    uint64_t events_off, events_off_ns;
    uint64_t searches, repeated_searches, dropped_searches;
    uint64_t circuits, channels, subscriptions; /* ever made */
    uint64_t posts, sent, merged;               /* updates, of all PVs */
    uint64_t posted_pvs;
};

/* A client has broken a rule, in the message that begins `offset` bytes into its stream. ends: and its circuit. */
struct sim_fault {
    const struct sim_circuit *circuit;
    uint64_t offset;
    const char *what; /* "an unknown sid": what the client sent */
    bool ends;
};

struct sim {
    const struct sim_source *source;
    void (*on_fault)(void *arg, const struct sim_fault *fault); /* or NULL */
    void *on_fault_arg;
    struct memory memory; /* what clients make it keep */
    struct sim_start start;
    uint16_t tcp_port; /* what search replies say */
    uint64_t message_limit;
    uint64_t told_limit;          /* what an ERROR about a message that is too large calls the limit */
    uint64_t reply_pace_ns;       /* from one datagram of search replies to the next, at least; 0: none */
    uint64_t realtime_ns;         /* CLOCK_REALTIME - CLOCK_MONOTONIC */
    uint64_t clock_origin_ns;     /* what stamps show at time 0, since 1970; 0: CLOCK_REALTIME */
    struct sim_channel *channels; /* hash by sid */
    uint32_t next_sid;
    uint32_t ncircuits;
    struct sim_circuit *circuits;
    struct sim_circuit *dirty; /* first come, first served: clients that read in turn find theirs in turn */
    struct sim_pv *posted;     /* PVs that have posted */
    bool is_pressed;           /* some circuit's queue has no room for the next post: let it send; the caller resets it */
    uint64_t pressed_ns;       /* until when what fills such a queue may not leave */
    uint32_t npressed;         /* circuits with such a queue, whose clients may still take what it holds */
    struct sim_counts counts;
    struct observed observed;
    struct lateness late;
    struct latency latency;
    struct link link;
};

/* The struct is large (histograms): keep it on the heap, zeroed. */
void sim_init(struct sim *sim, const struct sim_source *source);

/* The message limit as the environment has it (EPICS_CA_MAX_ARRAY_BYTES, EPICS_CA_AUTO_ARRAY_BYTES). run.c */
void sim_set_limits(struct sim *sim);

/* The PV of a name as a client writes it: "REC", "REC." and "REC.VAL" are one. NULL if there is none. */
struct sim_pv *sim_find(struct sim *sim, const char *name, size_t length);

/* The PV that a channel of this name uses, and its filters; NULL if it cannot be made. */
struct sim_pv *sim_open(struct sim *sim, const char *name, size_t length, struct filters *filters);

/* Count a search by somebody, told apart by `searcher` (any number but 0). */
void sim_count_search(struct sim *sim, struct sim_pv *pv, uint64_t searcher, uint64_t arrived_ns);

/* The delay of a circuit's next request of a class, for a PV (NULL for ECHO), in ns. Call it once a request. */
uint64_t sim_delay_ns(struct sim_circuit *c, struct sim_pv *pv, enum sim_class class);

/* Is an answer of this type and count (0: dynamic) small enough to be sent? */
bool sim_fits(const struct sim *sim, const struct sim_pv *pv, unsigned type, uint32_t count);

/* The value of a PV is new. Queue updates for all subscriptions that want `mask` (0: none); their circuits become dirty. due_ns:
 * when the change was due; timed: lateness is counted from there. */
void sim_post(struct sim *sim, struct sim_pv *pv, unsigned mask, uint64_t due_ns, bool timed);

/* May the update be queued for the subscription, which gets it for these DBE bits? Its channel's filters may put another value
 * into it, which is in *event then. */
bool sim_passes(struct sim_subscription *s, unsigned mask, struct queue_update *update, struct filter_event *event);

/* Post what else has changed with a put; due_ns and timed as above. */
void sim_post_also(struct sim *sim, uint64_t due_ns, bool timed);

/* Make the source's next change, which is due. Returns its PV. */
struct sim_pv *sim_change(struct sim *sim, uint64_t now_ns);

/* When the next change is due; CLOCK_NEVER before time 0. */
uint64_t sim_next_ns(struct sim *sim);

/* The clock and the counters say that time 0 has come: tell the source. Only the first call counts. */
void sim_begin(struct sim *sim, uint64_t now_ns);

/* A circuit has sent all of its updates that are due: there is room for changes that need not come now. */
void sim_relieve(struct sim_circuit *c);

/* Wait no longer for the circuits in npressed. */
void sim_give_up(struct sim *sim);

/* A circuit has something new to do. */
void sim_mark_dirty(struct sim_circuit *c);

/* It ends: if it was marked, it is no more. */
void sim_leave_dirty(struct sim_circuit *c);

/* The next circuit that was marked, unmarked; NULL if none. */
struct sim_circuit *sim_next_dirty(struct sim *sim);

#endif
