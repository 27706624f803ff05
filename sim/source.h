/* What the server asks of whoever knows the PVs: a channel by name, the delay of an answer, what changes next.
 * Three sources exist: replay/ (a recording), sim/synth (scenarios by name) and sim/database (records). The server does not know
 * which. */
#ifndef CAPLAY_SIM_SOURCE_H
#define CAPLAY_SIM_SOURCE_H

#include "base/clock.h"
#include "wire/value.h"

struct sim_subscription;
struct payload_pool;
struct filters;

/* One served PV. Made by the source before serving, or when a client opens it; its address is stable until the source is freed.
 */
struct sim_searched {  /* of a PV */
    uint64_t by;       /* who searched for it last, to count repeated searches */
    uint64_t since_ns; /* when it was first searched for since its last channel was made; 0: not */
};

struct sim_pv {
    const char *name;
    uint32_t count;    /* native (maximum) element count */
    uint32_t whole;    /* a slice's: of what it is taken from; 0: count */
    uint8_t native;    /* enum wire_base */
    uint8_t rights;    /* bits of ACCESS_RIGHTS */
    bool by_reference; /* updates read it when they are sent, though it is a single number (ca-protocol 6.5) */
    bool by_value;     /* they are copied when they are posted, though no single number is shown: a filter shows the stamp */
    struct wire_value value; /* now; data is the source's and stays valid and unchanged until the next change of this PV */
    const struct wire_meta *meta;
    uint32_t index; /* the source's own number for it */

    /* The server's own; the source leaves them zero. */
    struct sim_subscription *subscriptions, **subscriptions_end; /* in the order they were made; the end of an empty list: NULL */
    uint32_t nsubscriptions;
    struct payload_pool *payloads;
    struct sim_pv *next_posted;
    uint64_t version;             /* grows with each change of value */
    uint64_t posts, sent, merged; /* updates: posts that somebody subscribed to; of each subscription */
    struct sim_searched searched;
};

/* Classes of messages that have delays of their own (sim/latency.h). */
enum sim_class {
    SIM_SEARCH,
    SIM_CREATE,
    SIM_READ,
    SIM_WRITE, /* a put that is not answered: until its updates */
    SIM_PUT_CALLBACK,
    SIM_FIRST_UPDATE,
    SIM_UPDATE,
    SIM_ECHO,
    SIM_CLASSES
};

#define SIM_RIGHTS 0x10000u /* no DBE bit */

/* What the user of a source that plays something may want. */
enum sim_control {
    SIM_CONTROL_PAUSE,  /* pause; or go on, if paused */
    SIM_CONTROL_STEP,   /* the next change and no more; a source that plays pauses first */
    SIM_CONTROL_SIGNAL, /* SIGUSR2: whichever of the two suits it */
    SIM_CONTROL_HOLD,   /* pause, if it is not paused */
    SIM_CONTROL_GO_ON,  /* go on, if it is paused */
};

/* Speeds that can be asked for, in hundredths of recorded seconds a second. */
enum { SIM_SPEED_LEAST = 1, SIM_SPEED_MOST = 100000 };

static inline bool sim_is_speed(struct clock_rate speed)
{
    return speed.num * 100 >= speed.den * SIM_SPEED_LEAST && speed.num * 100 <= speed.den * SIM_SPEED_MOST;
}

/* How a source plays now. */
struct sim_playing {
    bool is_paused;
    struct clock_rate speed; /* num 0: it has none that could be changed */
};

struct sim_source_calls {
    /* The PV of this name, or NULL. The server has cut ".VAL" off, unless there is open(). No allocation. */
    struct sim_pv *(*find)(void *self, const char *name, size_t length);

    /* The PV that a channel of this name uses, for CREATE_CHAN: what find() has found by record and field may still fail, or be
     * another PV, for what stands behind (ca-protocol 3.4). *filters, which has none yet, gets those of the channel, settled.
     * May allocate. NULL where PVs have no fields: then find() is asked. */
    struct sim_pv *(*open)(void *self, const char *name, size_t length, struct filters *filters);

    /* Recorded service time of the next request of a class for a PV (NULL for ECHO), in ns. Called once a request for which the
     * latency model wants it. NULL: nothing was recorded. */
    uint64_t (*delay_ns)(void *self, struct sim_pv *pv, enum sim_class class);

    /* Time 0 has come: every due time below is t0_ns plus an offset. stamp_ns is what stamps show at t0, as Unix
     * time: CLOCK_REALTIME, or --clock-origin. */
    void (*start)(void *self, uint64_t t0_ns, uint64_t stamp_ns);

    /* When the next change is due (CLOCK_MONOTONIC ns), CLOCK_NEVER if none, 0: at once, and nobody asks how late it was. Cheap;
     * called after each change(). */
    uint64_t (*next_ns)(void *self);

    /* Make that change: pv->value is new. Returns the PV and sets *mask to the DBE bits to post; SIM_RIGHTS instead: pv->rights
     * are new. Nothing slow here: the bytes have been prepared. */
    struct sim_pv *(*change)(void *self, unsigned *mask);

    /* The server has time until about `until_ns`: synthesize or page in a piece of what is needed next, some 50 us of work.
     * Returns whether there is more to do: then it is called again after a look at the sockets. May be NULL. */
    bool (*prepare)(void *self, uint64_t until_ns);

    /* Where the source is in what it plays, for --status: a short text, "12.345/60.000 s, loop 2 of 3". May be NULL. */
    void (*position)(void *self, uint64_t now_ns, char *text, size_t room);

    /* A put. Returns the ECA status; on success pv->value is new and *mask says what to post (0: nothing). */
    uint32_t (*put)(void *self, struct sim_pv *pv, unsigned type, uint32_t count, const uint8_t *payload, uint32_t size,
                    uint64_t now_ns, unsigned *mask);

    /* Called after put() and acknowledge(): the next PV that has changed with that one, and what to post; NULL if there is none.
     * May be NULL. */
    struct sim_pv *(*also)(void *self, unsigned *mask);

    /* Called after a put() of a WRITE_NOTIFY that failed, which processes the record all the same. Then also() is asked. May be
     * NULL. */
    void (*failed)(void *self, struct sim_pv *pv, uint64_t now_ns);

    /* A text is about to be given as ENUM, which an IOC does not do without touching the record. May be NULL. */
    void (*named)(void *self, struct sim_pv *pv);

    /* PUT_ACKT or PUT_ACKS, whose value is new for the whole record. NULL: the server sees to the one PV. */
    void (*acknowledge)(void *self, struct sim_pv *pv, unsigned type, uint16_t value);

    /* The user wants something: next_ns() has changed. NULL: a source that cannot be paused. */
    void (*control)(void *self, enum sim_control control, uint64_t now_ns);

    /* How does it play? And from now on at this speed (sim_is_speed()): next_ns() has changed; where speed.num is 0, nothing
     * happens. Both NULL: a source that cannot be paused. */
    struct sim_playing (*playing)(const void *self);
    void (*set_speed)(void *self, struct clock_rate speed, uint64_t now_ns);
};

#define SIM_REST_NS UINT64_C(2000000)

struct sim_source {
    const struct sim_source_calls *calls;
    void *self;
    uint64_t floor_ns; /* recorded delays below are none: waiting for a timer would take longer */
    /* What of a recorded delay passes between our send and the kernel's stamp; after a rest of more than SIM_REST_NS, in which
     * the caches grow cold and the processor sleeps, it is more. */
    uint64_t send_ns, rested_send_ns;
};

/* For sources that know records only: length of a record's name without ".VAL" or "." behind it. */
size_t sim_record_length(const char *name, size_t length);

#endif
