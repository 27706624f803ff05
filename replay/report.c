#include "replay/report.h"

#include "sim/latency.h"
#include "traces/show.h"

#include <inttypes.h>

#define NAMES_SHOWN 5

typedef bool (*pv_test)(const struct timeline_pv *pv);

static bool lacks_limits(const struct timeline_pv *pv)
{
    const uint32_t needed = WIRE_META_UNITS | WIRE_META_DISPLAY;
    return pv->native != WIRE_STRING && pv->native != WIRE_ENUM && (pv->meta.has & needed) != needed;
}

static bool lacks_labels(const struct timeline_pv *pv)
{
    return pv->native == WIRE_ENUM && !(pv->meta.has & WIRE_META_LABELS);
}

static bool lacks_value(const struct timeline_pv *pv)
{
    return pv->nupdates == 0;
}

static bool goes_by_packets(const struct timeline_pv *pv)
{
    return pv->by_packets;
}

static bool has_holes(const struct timeline_pv *pv)
{
    return pv->has_holes;
}

static uint32_t count_pvs(const struct timeline *t, pv_test test)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < t->npvs; i++)
        n += test(&t->pvs[i]);
    return n;
}

/* "name, name and 7 more" */
static void print_names(FILE *out, const struct timeline *t, pv_test test)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < t->npvs; i++)
        if (test(&t->pvs[i]) && n++ < NAMES_SHOWN) {
            fprintf(out, "%s", n > 1 ? ", " : "");
            show_name(out, t->pvs[i].name);
        }
    if (n > NAMES_SHOWN)
        fprintf(out, " and %" PRIu32 " more", n - NAMES_SHOWN);
}

static const char *plural(uint64_t n)
{
    return n == 1 ? "" : "s";
}

/* "caplay: 12 PVs WHAT", with the names where they are few. */
static void print_pvs(FILE *out, const struct timeline *t, pv_test test, const char *what)
{
    uint32_t n = count_pvs(t, test);
    if (n == 0)
        return;
    fprintf(out, "caplay: %" PRIu32 " PV%s %s", n, plural(n), what);
    if (n <= NAMES_SHOWN) {
        fprintf(out, " (");
        print_names(out, t, test);
        fprintf(out, ")");
    }
    fprintf(out, "\n");
}

static void print_missing(FILE *out, const char *path, const struct trace *trace, const struct timeline *t)
{
    const struct trace_missing *m = &trace->missing;
    const struct {
        uint64_t n;
        const char *what;
    } rows[] = {
        {m->kernel_drops, "packets that the kernel dropped"},
        {m->cut_packets, "packets cut short by the capture"},
        {m->gaps, "gaps in TCP"},
        {m->gap_bytes, "bytes in them"},
        {m->midway, "circuits joined midway"},
        {m->malformed, "messages that could not be decoded"},
    };
    bool any = false;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (rows[i].n == 0)
            continue;
        if (!any)
            fprintf(out, "caplay: %s is incomplete", path);
        fprintf(out, "%s %" PRIu64 " %s", any ? "," : ":", rows[i].n, rows[i].what);
        any = true;
    }
    if (any)
        fprintf(out, "\n");
    if (count_pvs(t, has_holes) > 0) {
        fprintf(out, "caplay: updates are missing, as far as is known, of ");
        print_names(out, t, has_holes);
        fprintf(out, " (`caplay info` tells when)\n");
    }
    if (m->kernel_drops > 0)
        fprintf(out, "caplay: which packets were dropped is not known: updates of any PV may be missing\n");
    if (m->midway > 0)
        fprintf(out,
                "caplay: PVs whose channels were created before a circuit was joined have no name here and are not served\n");
}

void report_contents(FILE *out, const char *path, const struct trace *trace, const struct timeline *t)
{
    const struct timeline_counts *c = &t->counts;
    const uint64_t span_ns = trace->end_ns > t->zero_ns ? trace->end_ns - t->zero_ns : 0;
    fprintf(out, "caplay: %s: %" PRIu32 " PV%s, %" PRIu64 " update%s in %.3f s from its first subscription on\n", path, t->npvs,
            plural(t->npvs), c->updates, plural(c->updates), (double)span_ns / 1e9);
    print_missing(out, path, trace, t);
    print_pvs(out, t, lacks_limits, "without units or limits: no client asked for them");
    print_pvs(out, t, lacks_labels, "with states, without labels: no client asked for them");
    print_pvs(out, t, lacks_value, "without a value: no client read them; they are 0, UDF, INVALID");
    print_pvs(out, t, goes_by_packets, "with stamps that go back: their updates come in the order of their packets");
    if (c->unserved > 0)
        fprintf(out, "caplay: %" PRIu32 " name%s searched and never connected: not served\n", c->unserved,
                c->unserved == 1 ? " was" : "s were");
    if (c->copies > 0)
        fprintf(out,
                "caplay: %" PRIu64 " update%s of several subscribers to the same PV, replayed once; %" PRIu64
                " had been merged with a later one in the IOC's queue\n",
                c->copies, plural(c->copies), c->merged);
    if (c->before > 0)
        fprintf(out, "caplay: %" PRIu64 " value%s from before the first subscription: each PV begins with its last one\n",
                c->before, plural(c->before));
    if (c->unconverted > 0)
        fprintf(out, "caplay: %" PRIu64 " value%s dropped: recorded in a type that has no conversion to the PV's own\n",
                c->unconverted, plural(c->unconverted));
}

void report_cut(FILE *out, const struct timeline *t, uint64_t from_ns)
{
    fprintf(out, "caplay: played from %.3f s on for %.3f s: %" PRIu64 " update%s\n", (double)from_ns / 1e9,
            (double)t->length_ns / 1e9, t->counts.updates, plural(t->counts.updates));
}

void report_service(FILE *out, const struct service *service, uint64_t floor_ns)
{
    for (unsigned kind = 0; kind < SIM_CLASSES; kind++) {
        if (service->classes[kind].n == 0)
            continue;
        uint64_t p50 = service_quantile(service, kind, 0.5), p99 = service_quantile(service, kind, 0.99);
        fprintf(out, "caplay: service time %-12s %6" PRIu32 " recorded, %" PRIu32 " of them alone; p50 %.1f us, p99 %.1f us",
                latency_class_names[kind], service->classes[kind].n, service->classes[kind].nalone, (double)p50 / 1e3,
                (double)p99 / 1e3);
        if (p50 < 2 * floor_ns)
            fprintf(out, " (at the floor: ours is %.1f us)", (double)floor_ns / 1e3);
        fprintf(out, "\n");
    }
}
