#include "sim/database_parts.h"

#include <math.h>
#include <string.h>

/* ---- names ---- */

static const char *name_of(const void *owner, uint32_t number)
{
    return ((const struct database *)owner)->name[number].name;
}

static struct db_record *find_record(const struct database *d, const char *name, size_t length)
{
    uint32_t found = lookup_find(&d->names, name, length);
    return found != LOOKUP_NONE ? d->name[found].record : NULL;
}

/* The record of a channel's name and what is behind it. */
static struct db_record *find(const struct database *d, const char *name, size_t length, struct db_view *view,
                              struct filters *filters)
{
    const char *dot = memchr(name, '.', length);
    size_t n = dot != NULL ? (size_t)(dot - name) : length;
    struct db_record *r = find_record(d, name, n);
    size_t behind = dot != NULL ? n + 1 : n;
    return r != NULL && db_view_parse(r->is->type, name + behind, length - behind, view, filters) ? r : NULL;
}

static struct sim_pv *on_find(void *self, const char *name, size_t length)
{
    struct db_view view = {.slice = NULL};
    struct db_record *r = find(self, name, length, &view, NULL);
    return r != NULL ? &r->found : NULL;
}

/* VAL of a multi-bit record without states. */
static bool is_number(const struct db_record *r, int field)
{
    int sdef = scenario_field_find(r->is->type, "SDEF", 4);
    const struct scenario_field *is = scenario_field_of(r->is, field);
    return sdef != SCENARIO_NOWHERE && is->kind == SCENARIO_ENUM && is->flags & SCENARIO_BY_REFERENCE && db_number(r, sdef) == 0;
}

/* What filters need to know of their record. False: there is no such state. */
static bool tell_filters(const struct db_record *r, struct filters *filters)
{
    int tag = scenario_field_find(r->is->type, "UTAG", 4);
    for (unsigned i = 0; i < filters->n; i++) {
        struct filter *f = &filters->at[i];
        if (f->kind == FILTER_SYNC && (f->sync.state = db_state_find(r->database, f->sync.name)) == NULL)
            return false;
        if (f->kind == FILTER_STAMP)
            f->stamp.realtime_ns = r->database->realtime_ns;
        if (f->kind == FILTER_TAG && tag != SCENARIO_NOWHERE)
            f->tag.tag = (uint64_t)db_number(r, tag);
    }
    return true;
}

static struct sim_pv *on_open(void *self, const char *name, size_t length, struct filters *filters)
{
    struct filter_slice slices[FILTERS_MOST];
    struct db_view view = {.slice = slices};
    struct db_record *r = find(self, name, length, &view, filters);
    if (r != NULL && !tell_filters(r, filters))
        return NULL;
    if (r != NULL && is_number(r, view.field))
        view.shape |= DB_NUMBER;
    struct db_pv *pv = r != NULL ? db_pv_open(r, &view) : NULL;
    return pv != NULL ? &pv->pv : NULL;
}

static struct sim_pv *on_also(void *self, unsigned *mask)
{
    struct db_pv *pv = db_post_next(self, mask);
    return pv != NULL ? &pv->pv : NULL;
}

/* ---- time: nothing changes by itself ---- */

static void on_start(void *self, uint64_t t0_ns, uint64_t stamp_ns)
{
    (void)self;
    (void)t0_ns;
    (void)stamp_ns;
}

static uint64_t on_next_ns(void *self)
{
    (void)self;
    return CLOCK_NEVER;
}

static const struct sim_source_calls calls = {.find = on_find,
                                              .open = on_open,
                                              .start = on_start,
                                              .next_ns = on_next_ns,
                                              .put = db_put,
                                              .also = on_also,
                                              .failed = db_put_failed,
                                              .named = db_named,
                                              .acknowledge = db_acknowledge};

/* ---- set-up ---- */

static uint16_t start_number(const struct db_record *r, const char *field, uint16_t without)
{
    int found = scenario_field_find(r->is->type, field, strlen(field));
    return found != SCENARIO_NOWHERE ? (uint16_t)db_number(r, found) : without;
}

static void record_init(struct database *d, struct db_record *r, const struct scenario_record *is, struct wire_stamp now)
{
    *r = (struct db_record){.is = is, .database = d, .found = {.name = is->name}};
    r->status = start_number(r, "STAT", 0);
    r->severity = start_number(r, "SEVR", 0);
    r->acks = start_number(r, "ACKS", 0);
    r->ackt = start_number(r, "ACKT", 1);
    if (is->flags & SCENARIO_PROCESSED)
        r->stamp = now;
}

static int add_name(struct database *d, struct db_name *entry, const char *name, struct db_record *r, struct diag *diag)
{
    size_t length = strlen(name);
    if (lookup_find(&d->names, name, length) != LOOKUP_NONE)
        return diag_fail(diag, DIAG_USAGE, "two records or aliases are named '%s'", name);
    entry->name = name;
    entry->record = r;
    if (lookup_add(&d->names, name, length, (uint32_t)(entry - d->name)) < 0)
        return diag_fail(diag, DIAG_ENVIRONMENT, "no memory for names");
    return 0;
}

struct wire_stamp db_stamp(uint64_t realtime_ns)
{
    uint64_t since = realtime_ns - CLOCK_EPICS_EPOCH * CLOCK_NS;
    return (struct wire_stamp){(uint32_t)(since / CLOCK_NS), (uint32_t)(since % CLOCK_NS)};
}

static int set_up(struct database *d, uint64_t realtime_ns, struct diag *diag)
{
    const struct scenario *s = d->scenario;
    struct wire_stamp now = db_stamp(realtime_ns);
    d->record = calloc((size_t)s->nrecords + 1, sizeof *d->record);
    d->name = calloc((size_t)s->nrecords + s->naliases + 1, sizeof *d->name);
    if (d->record == NULL || d->name == NULL)
        return diag_fail(diag, DIAG_ENVIRONMENT, "no memory for %u records", s->nrecords);
    for (unsigned i = 0; i < s->nrecords; i++) {
        record_init(d, &d->record[i], &s->record[i], now);
        if (add_name(d, &d->name[i], s->record[i].name, &d->record[i], diag) < 0 || db_state_open(&d->record[i], diag) < 0)
            return -1;
    }
    for (unsigned i = 0; i < s->naliases; i++)
        if (add_name(d, &d->name[s->nrecords + i], s->alias[i].name, &d->record[s->alias[i].record], diag) < 0)
            return -1;
    return 0;
}

struct database *database_new(struct scenario *scenario, struct clock_pair now, struct diag *diag)
{
    struct database *d = calloc(1, sizeof *d);
    if (d == NULL) {
        scenario_free(scenario);
        diag_fail(diag, DIAG_ENVIRONMENT, "no memory for a database");
        return NULL;
    }
    d->scenario = scenario;
    lookup_init(&d->names, name_of, d);
    d->source = (struct sim_source){.calls = &calls, .self = d};
    d->realtime_ns = now.realtime_ns - now.monotonic_ns;
    if (set_up(d, now.realtime_ns, diag) == 0)
        return d;
    database_free(d);
    return NULL;
}

void database_free(struct database *d)
{
    lookup_fini(&d->names);
    for (unsigned i = 0; d->record != NULL && i < d->scenario->nrecords; i++)
        db_record_free(&d->record[i]);
    free(d->record);
    free(d->name);
    free(d->scratch);
    free(d->post);
    db_states_free(d);
    scenario_free(d->scenario);
    free(d);
}

const struct sim_source *database_source(const struct database *d)
{
    return &d->source;
}

unsigned database_live(const struct database *d)
{
    unsigned n = 0;
    for (unsigned i = 0; i < d->scenario->nrecords; i++)
        n += d->scenario->record[i].flags & SCENARIO_LIVE ? 1 : 0;
    return n;
}
