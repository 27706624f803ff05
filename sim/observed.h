/* What a server sees of its clients: when they searched, connected and got values, and how often they said what. Counters only:
 * pure, and cheap enough for every message. Times are CLOCK_MONOTONIC ns, 0 where it has not happened. */
#ifndef CAPLAY_SIM_OBSERVED_H
#define CAPLAY_SIM_OBSERVED_H

#include "base/histogram.h"
#include "wire/message.h"

enum { OBSERVED_IN, OBSERVED_OUT, OBSERVED_WAYS }; /* from clients, to them */

struct observed {
    uint64_t first_search_ns, first_circuit_ns;
    uint64_t first_created_ns, last_created_ns; /* channels: CREATE_CHAN's reply */
    uint64_t first_value_ns, last_value_ns;     /* a read's reply or an update */
    uint64_t datagrams[OBSERVED_WAYS], datagram_bytes[OBSERVED_WAYS];
    uint64_t bytes[OBSERVED_WAYS]; /* on circuits */
    uint64_t messages[OBSERVED_WAYS][WIRE_COMMANDS];
    uint64_t segments[OBSERVED_WAYS]; /* TCP segments with data */
    uint64_t round_trips; /* how often we spoke on a circuit after its client had: asked together and answered together is one */
    uint64_t closed, reset,
        open;                  /* circuits that their clients closed; that broke, or that we ended; that are there at the end */
    struct histogram connects; /* each channel: from the first search for its PV to its creation */
};

/* A message of a circuit; commands beyond the known ones are not counted. */
static inline void observed_message(struct observed *o, unsigned way, unsigned command)
{
    if (command < WIRE_COMMANDS)
        o->messages[way][command]++;
}

/* n bytes of a circuit. *asked: its client has spoken since we did. */
static inline void observed_bytes(struct observed *o, unsigned way, size_t n, bool *asked)
{
    if (n == 0)
        return;
    o->bytes[way] += n;
    o->round_trips += way == OBSERVED_OUT && *asked;
    *asked = way == OBSERVED_IN;
}

static inline void observed_datagram(struct observed *o, unsigned way, size_t n)
{
    o->datagrams[way]++;
    o->datagram_bytes[way] += n;
}

/* *searched_ns: of the PV, when it was first searched for since its last channel; 0: not. */
static inline void observed_search(struct observed *o, uint64_t *searched_ns, uint64_t arrived_ns)
{
    if (o->first_search_ns == 0)
        o->first_search_ns = arrived_ns;
    if (*searched_ns == 0)
        *searched_ns = arrived_ns;
}

static inline void observed_created(struct observed *o, uint64_t *searched_ns, uint64_t now_ns)
{
    if (o->first_created_ns == 0)
        o->first_created_ns = now_ns;
    o->last_created_ns = now_ns;
    if (*searched_ns != 0)
        histogram_add(&o->connects, now_ns > *searched_ns ? now_ns - *searched_ns : 0);
    *searched_ns = 0;
}

static inline void observed_value(struct observed *o, uint64_t now_ns)
{
    if (o->first_value_ns == 0)
        o->first_value_ns = now_ns;
    o->last_value_ns = now_ns;
}

#endif
