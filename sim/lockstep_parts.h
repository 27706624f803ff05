/* Inside of --lockstep: one circuit of the recording, spoken again. Shared by lockstep.c (the run, searches, the source) and
 * lockstep_line.c (circuits). */
#ifndef CAPLAY_SIM_LOCKSTEP_PARTS_H
#define CAPLAY_SIM_LOCKSTEP_PARTS_H

#include "sim/core.h"
#include "sim/schedule.h"
#include "sim/search.h"
#include "sim/sim.h"
#include "traces/recorder.h"

struct sid { /* of a channel, as the recorded server gave it */
    UT_hash_handle hh;
    uint32_t sid, cid;
};

struct lockstep;

struct line { /* one circuit of the recording */
    struct lockstep *lockstep;
    const struct trace_circuit *recorded;
    struct sim_circuit *circuit; /* NULL: it has not begun, or is over, or all UDP of a client's socket */
    struct schedule_entry begins, ends, deadline;
    struct sid *sids;
    uint8_t *inbox; /* what its client has sent and the circuit has not taken yet */
    size_t begin, end, room;
    bool is_ending; /* its client sends no more */
};

struct lockstep {
    struct sim sim;
    struct search search;
    struct schedule schedule;
    struct schedule_entry changes, late;
    struct trace trace;
    struct recorder *recorder;
    struct line *lines; /* as the recording's circuits */
    uint32_t at;        /* next event */
    uint64_t now_ns;
    uint32_t midway;         /* circuits left out */
    const struct line *asks; /* whose datagram is being answered */
    bool has_failed;         /* no memory */
};

/* ---- lockstep_line.c ---- */

/* The recording's i-th circuit: when it begins and ends. 0, or -1 without memory. */
int line_init(struct lockstep *l, uint32_t i);
void line_fini(struct line *line);

/* The recorded server has given a channel its sid. */
void line_learn(struct line *line, const struct trace_event *e);

/* The message of an event, as bytes, behind what is in the inbox. */
void line_add(struct line *line, const struct trace_event *e);

/* Let the circuit take what is there, answer what is due, and end if it is over. */
void line_turn(struct line *line);

#endif
