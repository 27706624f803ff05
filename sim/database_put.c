/* Puts into fields: the value, then what dbPutField() and the record type do about it. Rule: ca-protocol 6.4, 7.4. */
#include "sim/database_process.h"

#include <stdlib.h>
#include <string.h>

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

/* The new text is in scratch, without NUL. */
static void set_text(struct db_cell *cell, const uint8_t *scratch, size_t length, bool *is_new)
{
    *is_new = strlen((const char *)cell->bytes) != length || memcmp(cell->bytes, scratch, length) != 0;
    memset(cell->bytes, 0, cell->room);
    memcpy(cell->bytes, scratch, length);
    cell->count = 1;
}

/* lsi and lso tell their length at once, NUL included, and again when they are processed. */
static void set_length(struct db_record *r, size_t length)
{
    struct db_cell *cell = db_cell_named(r, "LEN");
    if (cell == NULL)
        return;
    db_cell_set(cell, (double)length + 1);
    db_post_field(r, cell->field, WIRE_MASK_VALUE | WIRE_MASK_LOG);
}

/* Characters go over those that are there: a NUL is not added, but at the field's end. */
static void set_characters(struct db_cell *cell, const uint8_t *scratch, size_t n, bool *is_new)
{
    size_t most = (size_t)cell->is->size - 1;
    *is_new = memcmp(cell->bytes, scratch, n < most ? n : most) != 0;
    memcpy(cell->bytes, scratch, n < most ? n : most);
}

/* From one string, or (`$`) from characters. */
static uint32_t put_text(struct db_pv *pv, const struct put *put, bool *is_new)
{
    struct db_cell *cell = pv->cell;
    uint8_t *scratch = pv->record->database->scratch;
    bool is_characters = pv->view.shape & DB_CHARACTERS;
    uint32_t written = 0, whole = pv->pv.whole != 0 ? pv->pv.whole : pv->pv.count;
    uint32_t status = wire_put_convert(put->type, put->count, put->payload, put->size, is_characters ? WIRE_CHAR : WIRE_STRING,
                                       &pv->meta, scratch, is_characters ? whole : 1, &written);
    if (status != WIRE_ECA_NORMAL)
        return status;
    if (is_characters && !(cell->is->flags & SCENARIO_LONG_TEXT)) {
        set_characters(cell, scratch, written, is_new);
        return status;
    }
    size_t length = written > 0 ? strnlen((const char *)scratch, is_characters ? written : WIRE_STRING_BYTES) : 0;
    length = length < cell->is->size ? length : (size_t)cell->is->size - 1;
    set_text(cell, scratch, length, is_new);
    if (cell->is->flags & SCENARIO_LONG_TEXT)
        set_length(pv->record, length);
    return status;
}

/* A constant or JSON stands as it is; of a name an IOC shows how it is processed, too. */
static bool is_plain_link(const struct scenario_field *is, const char *text)
{
    char *end;
    strtod(text, &end);
    return *end == '\0' || *text == '{' || *text == '[' || strchr(text, ' ') != NULL || is->kind == SCENARIO_FWDLINK;
}

/* Links take text only: a string, or characters with a NUL at their end. */
static uint32_t put_link(struct db_pv *pv, const struct put *put, bool *is_new)
{
    char text[DATABASE_LINK_BYTES + sizeof " NPP NMS"];
    uint32_t n = put->count < put->size ? put->count : put->size;
    bool is_string = put->type == WIRE_STRING, is_ended = n > 0 && put->payload[n - 1] == '\0';
    if (!is_string && (put->type != WIRE_CHAR || !is_ended))
        return WIRE_ECA_PUTFAIL;
    size_t most = is_string ? WIRE_STRING_BYTES - 1 : DATABASE_LINK_BYTES - 1;
    size_t length = strnlen((const char *)put->payload, put->size < most ? put->size : most);
    memcpy(text, put->payload, length);
    text[length] = '\0';
    if (!is_plain_link(pv->cell->is, text))
        strcat(text, " NPP NMS");
    length = strlen(text);
    set_text(pv->cell, (const uint8_t *)text, length < DATABASE_LINK_BYTES ? length : DATABASE_LINK_BYTES - 1, is_new);
    return WIRE_ECA_NORMAL;
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
    uint32_t written = 0, most = put->count < cell->is->count ? put->count : cell->is->count;
    size_t bytes = most * wire_base_size((enum wire_base)db_base(cell->is));
    memcpy(scratch, cell->bytes, bytes);
    uint32_t status = put_numbers(pv, put, &written);
    if (status != WIRE_ECA_NORMAL && !is_array)
        return status;
    *is_new = written != cell->count || memcmp(cell->bytes, scratch, bytes) != 0;
    memcpy(cell->bytes, scratch, bytes);
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
    if (!(pv->cell->is->flags & (SCENARIO_BY_REFERENCE | SCENARIO_LONG_TEXT)))
        db_process_fault(pv->record);
    if (pv->cell->is->flags & SCENARIO_LONG_TEXT)
        db_post_named(pv->record, "LEN", WIRE_MASK_VALUE | WIRE_MASK_LOG);
    after_put(pv, true, realtime_ns);
}

static bool can_be_empty(const struct db_pv *pv)
{
    const struct scenario_field *is = pv->cell->is;
    bool is_long = is->flags & SCENARIO_LONG_TEXT && pv->view.shape & DB_CHARACTERS;
    return is->flags & SCENARIO_ARRAY || is_long;
}

static uint32_t put_value(struct db_pv *pv, const struct put *put, bool *is_new)
{
    const struct scenario_field *is = pv->cell->is;
    if (scenario_is_link(is->kind))
        return put_link(pv, put, is_new);
    return db_is_text(is) ? put_text(pv, put, is_new) : put_elements(pv, put, is_new);
}

uint32_t db_put(void *self, struct sim_pv *sim_pv, unsigned type, uint32_t count, const uint8_t *payload, uint32_t size,
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
    if (count == 0 && !can_be_empty(pv)) {
        put_nothing(pv, now_ns + d->realtime_ns);
        return WIRE_ECA_NORMAL;
    }
    uint32_t status = put_value(pv, &put, &is_new);
    if (status == WIRE_ECA_NORMAL)
        after_put(pv, is_new || count != 1, now_ns + d->realtime_ns);
    return status;
}

void db_put_failed(void *self, struct sim_pv *sim_pv, uint64_t now_ns)
{
    struct database *d = self;
    struct db_pv *pv = (struct db_pv *)sim_pv;
    d->nposts = d->posted = 0;
    if (is_refused(pv) || !(pv->cell->is->flags & SCENARIO_PROCESS) || !is_passive(pv->record))
        return;
    db_process(pv->record, db_stamp(now_ns + d->realtime_ns));
    db_record_refresh(pv->record);
}

/* EPICS Base converts a text to a state by the record type's put_enum_str(), which puts the state into VAL, and posts nothing. */
void db_named(void *self, struct sim_pv *sim_pv)
{
    (void)self;
    struct db_pv *pv = (struct db_pv *)sim_pv;
    uint16_t state;
    if (!db_is_text(pv->cell->is) || scenario_is_link(pv->cell->is->kind) || pv->cell->is->flags & SCENARIO_ATTRIBUTE ||
        !wire_state_of(&pv->meta, (const char *)pv->cell->bytes, &state))
        return;
    struct db_cell *value = db_cell_named(pv->record, "VAL");
    if (value == NULL)
        return;
    db_cell_set(value, state);
    db_record_refresh(pv->record);
}

void db_acknowledge(void *self, struct sim_pv *sim_pv, unsigned type, uint16_t value)
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
