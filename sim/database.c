#include "sim/database_process.h"

#include <math.h>
#include <string.h>

/* ---- names ---- */

static struct db_record *find_record(const struct database *d, const char *name, size_t length)
{
    struct db_name *found;
    HASH_FIND(hh, d->by_name, name, length, found);
    return found != NULL ? found->record : NULL;
}

/* The record of a channel's name and what is behind it. */
static struct db_record *find(const struct database *d, const char *name, size_t length, bool whole, struct db_view *view)
{
    const char *dot = memchr(name, '.', length);
    size_t n = dot != NULL ? (size_t)(dot - name) : length;
    struct db_record *r = find_record(d, name, n);
    size_t behind = dot != NULL ? n + 1 : n;
    return r != NULL && db_view_parse(r->is->type, name + behind, length - behind, whole, view) ? r : NULL;
}

static struct sim_pv *on_find(void *self, const char *name, size_t length)
{
    struct db_view view;
    struct db_record *r = find(self, name, length, false, &view);
    return r != NULL ? &r->found : NULL;
}

/* VAL of a multi-bit record without states. */
static bool is_number(const struct db_record *r, int field)
{
    int sdef = scenario_field_find(r->is->type, "SDEF", 4);
    const struct scenario_field *is = scenario_field_of(r->is, field);
    return sdef != SCENARIO_NOWHERE && is->kind == SCENARIO_ENUM && is->flags & SCENARIO_BY_REFERENCE && db_number(r, sdef) == 0;
}

static struct sim_pv *on_open(void *self, const char *name, size_t length)
{
    struct db_view view;
    struct db_record *r = find(self, name, length, true, &view);
    if (r != NULL && is_number(r, view.field))
        view.shape |= DB_NUMBER;
    struct db_pv *pv = r != NULL ? db_pv_open(r, &view) : NULL;
    return pv != NULL ? &pv->pv : NULL;
}

/* ---- puts ---- */

static bool is_refused(const struct db_pv *pv)
{
    const struct db_record *r = pv->record;
    int disp = scenario_field_find(r->is->type, "DISP", 4);
    return pv->cell->is->flags & SCENARIO_ATTRIBUTE ||
           (disp != SCENARIO_NOWHERE && disp != pv->view.field && db_number(r, disp) != 0);
}

struct put {
    unsigned type;
    uint32_t count, size;
    const uint8_t *payload;
};

/* A text as it comes, from one string or from characters (`$`). */
static uint32_t put_text(struct db_pv *pv, const struct put *put, bool *is_new)
{
    struct db_cell *cell = pv->cell;
    uint8_t *scratch = pv->record->database->scratch;
    bool is_characters = pv->view.shape & DB_CHARACTERS;
    uint32_t written = 0, room = is_characters ? pv->pv.count : 1;
    uint32_t status = wire_put_convert(put->type, put->count, put->payload, put->size, is_characters ? WIRE_CHAR : WIRE_STRING,
                                       &pv->meta, scratch, room, &written);
    if (status != WIRE_ECA_NORMAL)
        return status;
    size_t most = scenario_is_link(cell->is->kind) ? cell->room : cell->is->size;
    size_t length = written > 0 ? strnlen((const char *)scratch, is_characters ? written : WIRE_STRING_BYTES) : 0;
    if (length > most - 1)
        length = most - 1;
    *is_new = strlen((const char *)cell->bytes) != length || memcmp(cell->bytes, scratch, length) != 0;
    memset(cell->bytes, 0, cell->room);
    memcpy(cell->bytes, scratch, length);
    return status;
}

/* The number of an mbb record without states; unlike a number's field it takes no empty text for 0. */
static uint32_t put_state(const struct db_pv *pv, const struct put *put, uint8_t *state, uint32_t *written)
{
    uint8_t number[sizeof(int32_t)];
    if (put->type == WIRE_STRING && put->count > 0 && (put->size == 0 || put->payload[0] == '\0'))
        return WIRE_ECA_PUTFAIL;
    uint32_t status = wire_put_convert(put->type, put->count, put->payload, put->size, WIRE_INT32, &pv->meta, number, 1, written);
    if (status == WIRE_ECA_NORMAL)
        wire_put16(state, (uint16_t)wire_get32(number));
    return status;
}

/* Base has no room for what the field's type cannot hold: C's casts, once more. */
static uint32_t put_numbers(const struct db_pv *pv, const struct put *put, uint32_t *written)
{
    const struct scenario_field *is = pv->cell->is;
    uint8_t *scratch = pv->record->database->scratch;
    if (pv->view.shape & DB_NUMBER)
        return put_state(pv, put, scratch, written);
    uint32_t status =
        wire_put_convert(put->type, put->count, put->payload, put->size, db_base(is), &pv->meta, scratch, is->count, written);
    if (status == WIRE_ECA_NORMAL)
        db_cast(is, scratch, *written);
    return status;
}

/* An array's length, which is a field, too. */
static void set_count(struct db_pv *pv, uint32_t count)
{
    struct db_cell *nord = db_cell_named(pv->record, "NORD");
    pv->cell->count = count;
    if (nord == NULL || db_number(pv->record, nord->field) == count)
        return;
    db_cell_set(nord, count);
    db_post_field(pv->record, nord->field, WIRE_MASK_VALUE | WIRE_MASK_LOG);
}

/* Of an array that fails midway the elements before are new, as an IOC has them. */
static uint32_t put_elements(struct db_pv *pv, const struct put *put, bool *is_new)
{
    struct db_cell *cell = pv->cell;
    uint8_t *scratch = pv->record->database->scratch;
    bool is_array = cell->is->flags & SCENARIO_ARRAY;
    uint32_t written = 0;
    memcpy(scratch, cell->bytes, cell->room);
    uint32_t status = put_numbers(pv, put, &written);
    if (status != WIRE_ECA_NORMAL && !is_array)
        return status;
    *is_new = written != cell->count || memcmp(cell->bytes, scratch, cell->room) != 0;
    memcpy(cell->bytes, scratch, cell->room);
    if (is_array && status == WIRE_ECA_NORMAL)
        set_count(pv, written);
    return status;
}

static bool is_passive(const struct db_record *r)
{
    int scan = scenario_field_find(r->is->type, "SCAN", 4);
    return scan == SCENARIO_NOWHERE || db_number(r, scan) == 0;
}

/* As dbPutField() and dbPut() do it (which tell a property's change only from single elements): the field, then the record if the
 * field asks for it. */
static void after_put(struct db_pv *pv, bool is_new, uint64_t realtime_ns)
{
    struct db_record *r = pv->record;
    const struct scenario_field *is = pv->cell->is;
    bool is_value = strcmp(is->name, "VAL") == 0, processes = is->flags & SCENARIO_PROCESS;
    struct db_cell *udf = is_value ? db_cell_named(r, "UDF") : NULL;
    if (udf != NULL)
        db_cell_set(udf, 0);
    if (is->flags & SCENARIO_PROPERTY && is_new)
        db_post_record(r, WIRE_MASK_PROPERTY);
    db_process_special(r, is->name);
    if (!is_value || !processes)
        db_post_field(r, pv->view.field, WIRE_MASK_VALUE | WIRE_MASK_LOG);
    if (processes && is_passive(r))
        db_process(r, db_stamp(realtime_ns));
    db_record_refresh(r);
}

/* mbbo takes a text for its state even where none was sent: then it is empty. */
static bool is_nameless(const struct db_pv *pv, unsigned type)
{
    const struct scenario_field *is = pv->cell->is;
    return type == WIRE_STRING && is->kind == SCENARIO_ENUM && is->flags & SCENARIO_BY_REFERENCE && !(is->flags & SCENARIO_ARRAY);
}

/* No element for a field that has one: the record has an alarm for it, unless the field is put as arrays are. */
static void put_nothing(struct db_pv *pv, uint64_t realtime_ns)
{
    if (!(pv->cell->is->flags & SCENARIO_BY_REFERENCE))
        db_process_fault(pv->record);
    after_put(pv, true, realtime_ns);
}

static uint32_t on_put(void *self, struct sim_pv *sim_pv, unsigned type, uint32_t count, const uint8_t *payload, uint32_t size,
                       uint64_t now_ns, unsigned *mask)
{
    struct database *d = self;
    struct db_pv *pv = (struct db_pv *)sim_pv;
    struct put put = {.type = type, .count = count, .size = size, .payload = payload};
    bool is_new = false;
    *mask = 0; /* what there is to post comes from also() */
    d->nposts = d->posted = 0;
    if (is_refused(pv))
        return WIRE_ECA_PUTFAIL;
    if (count == 0 && is_nameless(pv, type))
        put.count = count = 1;
    if (count == 0 && !(pv->cell->is->flags & SCENARIO_ARRAY)) {
        put_nothing(pv, now_ns + d->realtime_ns);
        return WIRE_ECA_NORMAL;
    }
    uint32_t status = db_is_text(pv->cell->is) ? put_text(pv, &put, &is_new) : put_elements(pv, &put, &is_new);
    if (status == WIRE_ECA_NORMAL)
        after_put(pv, is_new || count != 1, now_ns + d->realtime_ns);
    return status;
}

static void on_failed(void *self, struct sim_pv *sim_pv, uint64_t now_ns)
{
    struct database *d = self;
    struct db_pv *pv = (struct db_pv *)sim_pv;
    d->nposts = d->posted = 0;
    if (is_refused(pv) || !(pv->cell->is->flags & SCENARIO_PROCESS) || !is_passive(pv->record))
        return;
    db_process(pv->record, db_stamp(now_ns + d->realtime_ns));
    db_record_refresh(pv->record);
}

static struct sim_pv *on_also(void *self, unsigned *mask)
{
    struct db_pv *pv = db_post_next(self, mask);
    return pv != NULL ? &pv->pv : NULL;
}

static void on_acknowledge(void *self, struct sim_pv *sim_pv, unsigned type, uint16_t value)
{
    struct database *d = self;
    struct db_record *r = ((struct db_pv *)sim_pv)->record;
    struct db_cell *ackt = db_cell_named(r, "ACKT"), *acks = db_cell_named(r, "ACKS");
    d->nposts = d->posted = 0;
    if (type == WIRE_PUT_ACKT)
        r->ackt = value != 0;
    else if (value >= r->acks)
        r->acks = 0;
    if (ackt != NULL)
        db_cell_set(ackt, r->ackt);
    if (acks != NULL)
        db_cell_set(acks, r->acks);
    db_post_record(r, WIRE_MASK_ALARM);
    db_record_refresh(r);
}

/* ---- time: nothing changes by itself ---- */

static uint64_t on_delay_ns(void *self, struct sim_pv *pv, enum sim_class class)
{
    (void)self;
    (void)pv;
    (void)class;
    return 0;
}

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
                                              .delay_ns = on_delay_ns,
                                              .start = on_start,
                                              .next_ns = on_next_ns,
                                              .put = on_put,
                                              .also = on_also,
                                              .failed = on_failed,
                                              .acknowledge = on_acknowledge};

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
    struct db_name *other;
    size_t length = strlen(name);
    HASH_FIND(hh, d->by_name, name, length, other);
    if (other != NULL)
        return diag_fail(diag, DIAG_USAGE, "two records or aliases are named '%s'", name);
    entry->name = name;
    entry->record = r;
    HASH_ADD_KEYPTR(hh, d->by_name, entry->name, length, entry);
    return 0;
}

struct wire_stamp db_stamp(uint64_t realtime_ns)
{
    uint64_t since = realtime_ns - CLOCK_EPICS_EPOCH * CLOCK_NS;
    return (struct wire_stamp){(uint32_t)(since / CLOCK_NS), (uint32_t)(since % CLOCK_NS)};
}

static int set_up(struct database *d, struct diag *diag)
{
    const struct scenario *s = d->scenario;
    struct wire_stamp now = db_stamp(clock_realtime_ns());
    d->record = calloc((size_t)s->nrecords + 1, sizeof *d->record);
    d->name = calloc((size_t)s->nrecords + s->naliases + 1, sizeof *d->name);
    if (d->record == NULL || d->name == NULL)
        return diag_fail(diag, DIAG_ENVIRONMENT, "no memory for %u records", s->nrecords);
    for (unsigned i = 0; i < s->nrecords; i++) {
        record_init(d, &d->record[i], &s->record[i], now);
        if (add_name(d, &d->name[i], s->record[i].name, &d->record[i], diag) < 0)
            return -1;
    }
    for (unsigned i = 0; i < s->naliases; i++)
        if (add_name(d, &d->name[s->nrecords + i], s->alias[i].name, &d->record[s->alias[i].record], diag) < 0)
            return -1;
    return 0;
}

struct database *database_new(struct scenario *scenario, struct diag *diag)
{
    struct database *d = calloc(1, sizeof *d);
    if (d == NULL) {
        scenario_free(scenario);
        diag_fail(diag, DIAG_ENVIRONMENT, "no memory for a database");
        return NULL;
    }
    d->scenario = scenario;
    d->source = (struct sim_source){.calls = &calls, .self = d};
    d->realtime_ns = clock_realtime_ns() - clock_monotonic_ns();
    if (set_up(d, diag) == 0)
        return d;
    database_free(d);
    return NULL;
}

void database_free(struct database *d)
{
    HASH_CLEAR(hh, d->by_name);
    for (unsigned i = 0; d->record != NULL && i < d->scenario->nrecords; i++)
        db_record_free(&d->record[i]);
    free(d->record);
    free(d->name);
    free(d->scratch);
    free(d->post);
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
