/* A lane: replies of one circuit that leave in order, each not before its time. due = max(own, the one before).
 * A circuit has three (ca-protocol 5.4): direct replies and put results are lanes of this kind, the event queue is the third.
 * What a lane holds is not yet bytes: a value is read and encoded when its reply leaves. Pure. */
#ifndef CAPLAY_SIM_LANE_H
#define CAPLAY_SIM_LANE_H

#include "base/clock.h"
#include "sim/filter.h"
#include "sim/limits.h"
#include "sim/source.h"
#include "wire/message.h"

#include <stdbool.h>

#define LANE_TOGETHER_NS 20000 /* replies that are due within this time leave in one send */
#define LANE_ROOM        64u   /* replies, at first */
#define LANE_MOST        65536u

struct sim_channel;

enum reply_kind {
    REPLY_HEADER,  /* the header is all there is */
    REPLY_CREATED, /* ACCESS_RIGHTS, then the header */
    REPLY_VALUE,   /* READ_NOTIFY: the PV's value as it is when the reply leaves */
    REPLY_READ,    /* READ: the same by its older rules */
    REPLY_ECHO,    /* the header and the payload that still lies in the input */
    REPLY_ERROR,   /* an ERROR about the request whose header this is */
    REPLY_END,     /* send what there is, then close */
};

struct reply {
    enum reply_kind kind;
    unsigned fault;              /* ERROR: enum fault */
    struct wire_header header;   /* of the reply; ERROR: of the request */
    struct sim_pv *pv;           /* VALUE, READ, CREATED, ERROR: whose; or NULL */
    struct sim_channel *writing; /* a put's result: whose put ends with it */
    struct filter_show show;     /* VALUE, READ: what the channel's filters show of the value */
    uint32_t cid;                /* READ, ERROR: the channel's, or 0xffffffff */
    bool timed;                  /* it has a service time of its own: count its lateness */
    bool cancelled;              /* send nothing */
    uint8_t class;               /* enum sim_class, if asked_ns is set; SIM_CLASSES: none */
    uint64_t asked_ns;           /* the request's arrival; 0: it answers none */
    uint64_t own_ns;             /* arrival and service time */
    uint64_t due_ns;             /* when it may leave */
};

struct lane {
    struct reply *ring; /* room is a power of two */
    uint32_t room, first, count;
    uint64_t pushed; /* ever */
    uint64_t last_due_ns;
    struct memory *memory;
};

/* memory: what its growth counts to, or NULL. 0, or -1 without memory. */
int lane_init(struct lane *lane, struct memory *memory);
void lane_fini(struct lane *lane);

/* Make room for what one request may add: an ERROR and the end. False: the lane is full; take no more requests until some have
 * left. */
bool lane_reserve(struct lane *lane);

/* Append. own_ns is set in the reply; due_ns is computed. Room was reserved. Returns its number, for lane_numbered(). */
uint64_t lane_push(struct lane *lane, const struct reply *reply);

/* The first reply if its time has come, or NULL. Valid until lane_pop or lane_push. */
struct reply *lane_due(struct lane *lane, uint64_t now_ns);
void lane_pop(struct lane *lane);

/* The i-th waiting reply, i < count. */
static inline struct reply *lane_at(const struct lane *lane, uint32_t i)
{
    return &lane->ring[(lane->first + i) & (lane->room - 1)];
}

/* The reply that lane_push() gave this number, and that still waits. */
static inline struct reply *lane_numbered(const struct lane *lane, uint64_t number)
{
    return lane_at(lane, (uint32_t)(number - (lane->pushed - lane->count)));
}

/* When to look again: the due time of the last of those that leave together with the first; CLOCK_NEVER if empty. */
uint64_t lane_deadline(const struct lane *lane);

#endif
