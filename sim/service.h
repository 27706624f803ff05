/* Service times of a recording: from a request's last byte to its reply's first byte, at the capture.
 *
 * The k-th request of a class for a PV gets the k-th recorded time of that PV; what goes on longer than the recording draws from
 * the recorded times of its class. Draws depend on the PV, the class and k alone, so that the order in which clients ask changes
 * nothing.
 *
 * A client that asks for 10,000 values at once waits for its own queue and for the server's full buffer; another that asks for
 * one must not. So where several requests of a lane and circuit were under way at once (ca-protocol 5.3, 5.4) a time tells
 * little of its request: it is replaced by a draw from those of its class that were alone. Where these are fewer than
 * SERVICE_FEW, times run from the reply before instead.
 *
 * Puts are always taken as they are: rsrv completes each when its record is done. */
#ifndef CAPLAY_SIM_SERVICE_H
#define CAPLAY_SIM_SERVICE_H

#include "sim/source.h"
#include "traces/trace.h"

#define SERVICE_NO_PV    UINT32_MAX /* ECHO */
#define SERVICE_UNSERVED UINT32_MAX /* of_trace_pv: nobody needs its times */

/* All recorded times of one class. */
struct service_class {
    uint64_t *sorted_ns; /* those to draw from */
    uint32_t nsorted;
    uint32_t n, nalone; /* all; those that were alone */
    uint32_t *start;    /* of each PV's times in `times_ns`; one more at the end, and one PV for SERVICE_NO_PV */
    uint64_t *times_ns; /* SERVICE_DRAW: draw */
    uint32_t *next;     /* how many of a PV's times were given out; grows beyond them */
};

#define SERVICE_DRAW UINT64_MAX
#define SERVICE_FEW  20u

struct service {
    struct service_class classes[SIM_CLASSES];
    uint32_t npvs;
    uint64_t seed; /* of draws; may be changed before the first */
};

struct service_pvs {
    const uint32_t *of_trace_pv; /* number of each of the trace's PVs, below n, or SERVICE_UNSERVED; NULL: its own */
    uint32_t n;
};

/* Collect. 0, or -1 with DIAG_ENVIRONMENT; service_fini() also after a failure. */
int service_init(struct service *service, const struct trace *trace, const struct service_pvs *pvs, struct diag *diag);
void service_fini(struct service *service);

/* ns for the next request of this class and PV; 0 if the recording has no such request. Allocates nothing. */
uint64_t service_next(struct service *service, uint32_t pv, enum sim_class class);

/* One of the PV's times, whichever these random bits say; of the class where the PV has none. Changes nothing. */
uint64_t service_draw(const struct service *service, uint32_t pv, enum sim_class class, uint64_t bits);

/* The time that a fraction of those to draw from does not exceed; 0 if there is none. */
uint64_t service_quantile(const struct service *service, enum sim_class class, double fraction);

#endif
