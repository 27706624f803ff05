#include "sim/latency.h"

#include "sim/service.h"

#include <stdlib.h>
#include <string.h>

#define uthash_fatal(text) abort()
#include <uthash.h>

struct name { /* of a PV of the trace */
    UT_hash_handle hh;
};

struct latency_trace {
    struct trace trace;
    struct service service;
    struct name *names, *by_name; /* names[i]: of the trace's PV i */
};

static int index_names(struct latency_trace *t, struct diag *diag)
{
    t->names = calloc((size_t)t->trace.npvs + 1, sizeof *t->names);
    if (t->names == NULL)
        return diag_fail(diag, DIAG_ENVIRONMENT, "no memory for the names of %u PVs", t->trace.npvs);
    for (uint32_t i = 0; i < t->trace.npvs; i++) {
        const char *name = trace_pv_name(&t->trace, i);
        HASH_ADD_KEYPTR(hh, t->by_name, name, strlen(name), &t->names[i]);
    }
    return 0;
}

struct latency_trace *latency_trace_new(const char *path, struct diag *diag)
{
    struct latency_trace *t = calloc(1, sizeof *t);
    if (t == NULL) {
        diag_fail(diag, DIAG_ENVIRONMENT, "no memory for a recording's service times");
        return NULL;
    }
    if (trace_open(&t->trace, path, diag) == 0) {
        const struct service_pvs each = {.n = t->trace.npvs};
        if (service_init(&t->service, &t->trace, &each, diag) == 0 && index_names(t, diag) == 0)
            return t;
    }
    latency_trace_free(t);
    return NULL;
}

void latency_trace_free(struct latency_trace *t)
{
    HASH_CLEAR(hh, t->by_name);
    free(t->names);
    service_fini(&t->service);
    trace_close(&t->trace);
    free(t);
}

bool latency_trace_has(const struct latency_trace *t, enum sim_class class)
{
    return t->service.classes[class].nsorted > 0;
}

uint64_t latency_trace_draw(const struct latency_trace *t, enum sim_class class, const char *pv, uint64_t bits)
{
    struct name *found = NULL;
    if (pv != NULL)
        HASH_FIND(hh, t->by_name, pv, strlen(pv), found);
    const uint32_t number = found != NULL ? (uint32_t)(found - t->names) : SERVICE_NO_PV;
    return service_draw(&t->service, number, class, bits);
}
