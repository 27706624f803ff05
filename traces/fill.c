#include "traces/fill.h"

#include "traces/copy.h"
#include "traces/show.h"
#include "wire/message.h"
#include "wire/value.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { LACKS_SHOWN = 20 };

bool fill_is_snapshot(const struct trace *t)
{
    return strcmp(t->source, FILL_SOURCE) == 0 && t->sha256[0] == '\0';
}

/* ---- filling in ---- */

struct filling {
    const struct trace *t;
    struct trace_writer *w;
    uint32_t *pvs;     /* their numbers in the other trace; TRACE_NONE: nobody answered */
    uint8_t *payload;  /* room for the largest */
    bool *have_rights; /* of each PV: told already */
};

/* The table has what the recording's own CREATE_CHAN and ACCESS_RIGHTS told. */
static void fill_pv(const struct filling *f, uint32_t i)
{
    const struct trace_pv *from = &f->t->pvs[i];
    const char *name = trace_pv_name(f->t, i);
    f->pvs[i] = from->native < WIRE_BASES ? trace_writer_pv(f->w, name, strlen(name)) : TRACE_NONE;
    if (f->pvs[i] == TRACE_NONE)
        return;
    struct trace_pv *to = trace_writer_pv_at(f->w, f->pvs[i]);
    if (to->native >= WIRE_BASES) {
        to->native = from->native;
        to->count = from->count;
    }
    if (to->rights == 0xffff)
        to->rights = from->rights;
}

/* A good answer to a read, or the first rights. */
static bool is_answer(const struct filling *f, const struct trace_event *e)
{
    if (!(e->flags & TRACE_FROM_SERVER) || e->pv == TRACE_NONE || f->pvs[e->pv] == TRACE_NONE)
        return false;
    if (e->command == WIRE_ACCESS_RIGHTS)
        return !f->have_rights[e->pv];
    return e->command == WIRE_READ_NOTIFY && e->p1 == WIRE_ECA_NORMAL && e->type < WIRE_TYPES;
}

static void fill_event(struct filling *f, const struct trace_event *from)
{
    struct trace_event e = *from;
    f->have_rights[e.pv] |= e.command == WIRE_ACCESS_RIGHTS;
    e.t_ns = e.span_ns = 0;
    e.circuit = e.peer = TRACE_NONE;
    e.pv = f->pvs[e.pv];
    e.flags = TRACE_FROM_SERVER | TRACE_FILLED;
    copy_payload(f->t, from, f->payload);
    trace_writer_event(f->w, &e, f->payload);
}

static void fill_all(struct filling *f)
{
    for (uint32_t i = 0; i < f->t->npvs; i++)
        fill_pv(f, i);
    for (uint32_t i = 0; i < f->t->nevents && !trace_writer_failed(f->w); i++)
        if (is_answer(f, &f->t->events[i]))
            fill_event(f, &f->t->events[i]);
}

static size_t largest_payload(const struct trace *t)
{
    size_t most = 0;
    for (uint32_t i = 0; i < t->nevents; i++)
        most = t->events[i].size > most ? t->events[i].size : most;
    return most;
}

int fill_trace(const struct trace *snapshot, struct trace_writer *w, struct diag *diag)
{
    struct filling f = {.t = snapshot,
                        .w = w,
                        .pvs = calloc((size_t)snapshot->npvs + 1, sizeof *f.pvs),
                        .payload = malloc(largest_payload(snapshot) + 1),
                        .have_rights = calloc((size_t)snapshot->npvs + 1, sizeof *f.have_rights)};
    int result = 0;
    if (f.pvs != NULL && f.payload != NULL && f.have_rights != NULL)
        fill_all(&f);
    else
        result = diag_fail(diag, DIAG_ENVIRONMENT, "no memory for a snapshot of %" PRIu32 " PVs", snapshot->npvs);
    free(f.pvs);
    free(f.payload);
    free(f.have_rights);
    return result;
}

/* ---- what is still not known ---- */

static bool has_value(const struct trace_event *e)
{
    if (!(e->flags & TRACE_FROM_SERVER) || e->type >= WIRE_TYPES || e->pv == TRACE_NONE)
        return false;
    if (e->command == WIRE_READ)
        return e->size > 0;
    return e->p1 == WIRE_ECA_NORMAL && (e->command == WIRE_READ_NOTIFY || e->flags & TRACE_UPDATE);
}

/* What a message tells about its PV. */
static unsigned tells(const struct trace_event *e)
{
    if (e->command == WIRE_ACCESS_RIGHTS && e->flags & TRACE_FROM_SERVER)
        return FILL_LACKS_RIGHTS;
    if (!has_value(e) || wire_types[e->type].family == WIRE_SPECIAL)
        return 0;
    const struct wire_type *type = &wire_types[e->type];
    const bool has_metadata = type->family == WIRE_GR || type->family == WIRE_CTRL;
    if (!has_metadata || type->base == WIRE_STRING)
        return FILL_LACKS_VALUE;
    return FILL_LACKS_VALUE | (type->base == WIRE_ENUM ? FILL_LACKS_LABELS : FILL_LACKS_LIMITS);
}

/* What can be known of a PV of this type; nothing of one that nobody was connected to. */
static unsigned knowable(uint16_t native)
{
    if (native >= WIRE_BASES)
        return 0;
    const unsigned metadata = native == WIRE_ENUM ? FILL_LACKS_LABELS : native == WIRE_STRING ? 0 : FILL_LACKS_LIMITS;
    return metadata | FILL_LACKS_VALUE | FILL_LACKS_RIGHTS;
}

uint8_t *fill_lacks(const struct trace *t)
{
    uint8_t *lacks = calloc((size_t)t->npvs + 1, sizeof *lacks);
    if (lacks == NULL)
        return NULL;
    for (uint32_t i = 0; i < t->npvs; i++)
        lacks[i] = (uint8_t)knowable(t->pvs[i].native);
    for (uint32_t i = 0; i < t->nevents; i++)
        if (t->events[i].pv != TRACE_NONE)
            lacks[t->events[i].pv] &= (uint8_t)~tells(&t->events[i]);
    return lacks;
}

static void print_lack(FILE *out, const char *name, unsigned lacks)
{
    static const struct {
        enum fill_lacks lack;
        const char *what;
    } words[] = {{FILL_LACKS_LIMITS, "units and limits"},
                 {FILL_LACKS_LABELS, "labels of its states"},
                 {FILL_LACKS_VALUE, "a value"},
                 {FILL_LACKS_RIGHTS, "access rights"}};
    const char *between = " still lacks ";
    fprintf(out, "caplay: ");
    show_name(out, name);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (lacks & words[i].lack) {
            fprintf(out, "%s%s", between, words[i].what);
            between = ", ";
        }
    fprintf(out, "\n");
}

int fill_print_lacks(FILE *out, const struct trace *t, struct diag *diag)
{
    uint8_t *lacks = fill_lacks(t);
    uint32_t n = 0;
    if (lacks == NULL)
        return diag_fail(diag, DIAG_ENVIRONMENT, "no memory for %" PRIu32 " PVs", t->npvs);
    for (uint32_t i = 0; i < t->npvs; i++)
        if (lacks[i] != 0 && n++ < LACKS_SHOWN)
            print_lack(out, trace_pv_name(t, i), lacks[i]);
    if (n > LACKS_SHOWN)
        fprintf(out, "caplay: and %" PRIu32 " more PVs lack something\n", n - LACKS_SHOWN);
    free(lacks);
    return 0;
}
