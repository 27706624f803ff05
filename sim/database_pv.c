/* The PVs of a record's fields: made when a channel asks for one, and kept. */
#include "sim/database_process.h"

#include <math.h>
#include <string.h>

/* Slices are made at the wish of clients: there is an end to it. */
#define VIEWS_MOST      4096u /* each put refreshes those of its record */
#define VIEW_BYTES_MOST (UINT64_C(16) << 20)

static bool is_same_view(const struct db_view *a, const struct db_view *b)
{
    bool is_same = a->field == b->field && a->shape == b->shape && a->nslices == b->nslices && a->show.count == b->show.count &&
                   (a->show.mode == FILTER_STAMP_TEXT) == (b->show.mode == FILTER_STAMP_TEXT);
    for (unsigned i = 0; i < a->nslices && is_same; i++)
        is_same =
            a->slice[i].start == b->slice[i].start && a->slice[i].step == b->slice[i].step && a->slice[i].end == b->slice[i].end;
    return is_same;
}

static struct db_pv *find(const struct db_record *r, const struct db_view *view)
{
    struct db_pv *pv = r->pvs;
    while (pv != NULL && !is_same_view(&pv->view, view))
        pv = pv->next;
    return pv;
}

/* ---- metadata ---- */

/* EPICS Base's C chooses between an alarm limit and a NaN of type float: a LONG limit loses digits. */
static double gated_number(const struct db_record *r, int16_t field)
{
    double number = db_number(r, field);
    return scenario_field_of(r->is, field)->kind == SCENARIO_LONG ? (double)(float)number : number;
}

static double meta_number(const struct db_record *r, const struct scenario_meta *from, unsigned n)
{
    if (from->gate[n] != SCENARIO_NOWHERE && db_number(r, from->gate[n]) == 0)
        return (double)NAN;
    if (from->number_of[n] == SCENARIO_NOWHERE)
        return from->number[n];
    if (from->gate[n] != SCENARIO_NOWHERE)
        return gated_number(r, from->number_of[n]);
    double number = db_number(r, from->number_of[n]);
    bool is_kept = n == SCENARIO_PRECISION && from->precision_most != SCENARIO_NOWHERE;
    return is_kept && !(number >= 0 && number <= from->precision_most) ? from->precision_most : number;
}

static void meta_control(const struct db_record *r, const struct scenario_meta *from, struct wire_meta *meta)
{
    double upper = from->within[0] != SCENARIO_NOWHERE ? db_number(r, from->within[0]) : 0;
    double lower = from->within[1] != SCENARIO_NOWHERE ? db_number(r, from->within[1]) : 0;
    bool is_within = upper > lower;
    meta->control[0] = is_within ? upper : meta_number(r, from, SCENARIO_CONTROL);
    meta->control[1] = is_within ? lower : meta_number(r, from, SCENARIO_CONTROL + 1);
}

static void meta_label(struct wire_meta *meta, unsigned i, const char *text)
{
    memcpy(meta->labels[i], text, strnlen(text, WIRE_LABEL_BYTES));
}

static void meta_menu(const struct scenario_menu *menu, struct wire_meta *meta)
{
    meta->menu = menu->choice;
    meta->nmenu = (uint16_t)menu->nchoices;
    meta->nlabels = menu->nchoices < WIRE_LABELS ? (uint16_t)menu->nchoices : WIRE_LABELS;
    for (unsigned i = 0; i < meta->nlabels; i++)
        meta_label(meta, i, menu->choice[i]);
}

static void meta_labels(const struct db_record *r, const struct scenario_meta *from, struct wire_meta *meta)
{
    unsigned set = 0;
    for (unsigned i = 0; i < from->nlabels; i++) {
        const char *text = from->labels_are_fields ? db_text(r, from->label_of[i]) : from->label[i];
        meta_label(meta, i, text);
        if (*text != '\0' || !from->labels_are_fields)
            set = i + 1;
    }
    meta->nlabels = (uint16_t)(set > 0 ? set : from->labels_unset);
}

/* A text that is asked for as a state is looked up among those of VAL. */
static const struct scenario_meta *states_of(const struct db_record *r, const struct scenario_field *is)
{
    int value = is->kind == SCENARIO_STRING ? scenario_field_find(r->is->type, "VAL", 3) : SCENARIO_NOWHERE;
    return value != SCENARIO_NOWHERE ? &scenario_field_of(r->is, value)->meta : &is->meta;
}

/* What CTRL_ types tell, and how many decimals numbers have as text, which may be others. */
static void meta_precision(const struct db_pv *pv, struct wire_meta *meta)
{
    const struct scenario_field *is = pv->cell->is;
    int16_t precision = (int16_t)meta_number(pv->record, &is->meta, SCENARIO_PRECISION);
    meta->text_precision = is->meta.text_precision != SCENARIO_NOWHERE ? is->meta.text_precision : precision;
    bool is_stamp = pv->view.shape & DB_STAMP && pv->view.show.mode == FILTER_STAMP_DOUBLE;
    if (is->kind == SCENARIO_FLOAT || is->kind == SCENARIO_DOUBLE || is_stamp)
        meta->precision = precision;
    if (meta->precision != meta->text_precision || is->kind == SCENARIO_STRING)
        meta->has |= WIRE_META_TEXT_PRECISION;
}

static const uint8_t wholes[SCENARIO_KINDS] = {
    [SCENARIO_UCHAR] = WIRE_WHOLE_UCHAR, [SCENARIO_USHORT] = WIRE_WHOLE_USHORT, [SCENARIO_ULONG] = WIRE_WHOLE_ULONG,
    [SCENARIO_INT64] = WIRE_WHOLE_INT64, [SCENARIO_UINT64] = WIRE_WHOLE_UINT64,
};

static void meta_refresh(struct db_pv *pv)
{
    const struct db_record *r = pv->record;
    const struct scenario_field *is = pv->cell->is;
    struct wire_meta *meta = &pv->meta;
    wire_meta_init(meta);
    meta->has =
        WIRE_META_PRECISION | WIRE_META_UNITS | WIRE_META_DISPLAY | WIRE_META_CONTROL | WIRE_META_LABELS | WIRE_META_CLASS;
    const char *units = is->meta.units_of != SCENARIO_NOWHERE ? db_text(r, is->meta.units_of) : is->meta.units;
    if (units != NULL)
        memcpy(meta->units, units, strnlen(units, WIRE_UNITS_BYTES));
    for (unsigned i = 0; i < 2; i++)
        meta->display[i] = meta_number(r, &is->meta, SCENARIO_DISPLAY + i);
    for (unsigned i = 0; i < 4; i++)
        meta->alarm[i] = meta_number(r, &is->meta, SCENARIO_ALARM + i);
    meta_control(r, &is->meta, meta);
    meta->is_menu = is->kind == SCENARIO_MENU || is->kind == SCENARIO_DEVICE;
    meta_precision(pv, meta);
    if (is->flags & (SCENARIO_ARRAY | SCENARIO_BY_REFERENCE))
        meta->has |= WIRE_META_ARRAY;
    meta->whole = pv->view.shape & DB_NUMBER ? WIRE_WHOLE_USHORT : wholes[is->kind];
    if (is->menu != NULL)
        meta_menu(is->menu, meta);
    else
        meta_labels(r, states_of(r, is), meta);
    strncpy(meta->record_type, r->is->type->name, sizeof meta->record_type - 1);
}

/* ---- values ---- */

static uint32_t channel_count(const struct scenario_field *is, bool is_characters)
{
    if (!is_characters)
        return is->count;
    return scenario_is_link(is->kind) ? DATABASE_LINK_BYTES : is->size;
}

/* lsi and lso hold texts of any length, and treat them as arrays of characters. */
static bool is_long(const struct scenario_field *is)
{
    return is->flags & SCENARIO_LONG_TEXT;
}

/* Of fewer elements than the maximum a slice that counts from the end on one side only may hold more than the channel's
 * count, which is that of the maximum: what exceeds it is not sent. */
static void take_slice(struct db_pv *pv)
{
    struct wire_value *value = &pv->pv.value;
    size_t size = wire_base_size((enum wire_base)value->base);
    if (pv->view.shape & DB_FULL) {
        uint32_t most = pv->pv.whole, n = value->count < most ? value->count : most;
        memcpy(pv->slice, value->data, n * size);
        memset(pv->slice + n * size, 0, (most - n) * size);
        value->data = pv->slice;
        value->count = most;
    }
    for (unsigned k = 0; k < pv->sliced; k++) {
        const struct filter_slice *slice = &pv->view.slice[k];
        uint32_t first, n = filter_slice_indices(slice, value->count, &first);
        n = n < pv->most[k] ? n : pv->most[k];
        for (uint32_t i = 0; i < n; i++)
            memmove(pv->slice + i * size, value->data + (first + (size_t)i * (uint32_t)slice->step) * size, size);
        value->data = pv->slice;
        value->count = n;
    }
}

static uint8_t wire_field(const struct db_pv *pv)
{
    const struct scenario_field *is = pv->cell->is;
    if (scenario_is_link(is->kind))
        return WIRE_FIELD_LINK;
    if (is->flags & SCENARIO_ATTRIBUTE)
        return WIRE_FIELD_ATTRIBUTE;
    switch (is->kind) {
    case SCENARIO_STRING:
        return pv->view.shape & DB_CHARACTERS && !is_long(is) ? WIRE_FIELD_TEXT : WIRE_FIELD_PLAIN;
    case SCENARIO_UCHAR:
        return WIRE_FIELD_UCHAR;
    case SCENARIO_ULONG:
        return WIRE_FIELD_WHOLE;
    case SCENARIO_INT64:
        return WIRE_FIELD_INT64;
    case SCENARIO_UINT64:
        return WIRE_FIELD_UINT64;
    default:
        return WIRE_FIELD_PLAIN;
    }
}

static uint32_t text_count(const struct db_pv *pv)
{
    const struct db_cell *cell = pv->cell;
    if (!(pv->view.shape & DB_CHARACTERS) || cell->count == 0)
        return cell->count;
    return wire_field(pv) == WIRE_FIELD_PLAIN ? (uint32_t)strlen((const char *)cell->bytes) + 1 : channel_count(cell->is, true);
}

static void take_number(struct db_pv *pv)
{
    wire_put32(pv->number, wire_get16((const uint8_t *)pv->cell->bytes));
    pv->pv.value.data = pv->number;
}

void db_pv_refresh(struct db_pv *pv)
{
    const struct db_record *r = pv->record;
    const struct db_cell *cell = pv->cell;
    pv->pv.value = (struct wire_value){
        .data = (const uint8_t *)cell->bytes,
        .count = text_count(pv),
        .base = pv->base,
        .field = wire_field(pv),
        .has_alarm = true,
        .has_stamp = true,
        .status = r->status,
        .severity = r->severity,
        .ackt = r->ackt,
        .acks = r->acks,
        .stamp = r->stamp,
    };
    if (pv->slice != NULL)
        take_slice(pv);
    if (pv->view.shape & DB_NUMBER)
        take_number(pv);
}

void db_record_refresh(struct db_record *r)
{
    for (struct db_pv *pv = r->pvs; pv != NULL; pv = pv->next) {
        meta_refresh(pv);
        db_pv_refresh(pv);
    }
}

/* ---- making them ---- */

static void set_counts(struct db_pv *pv)
{
    const struct scenario_field *is = pv->cell->is;
    if (pv->view.shape & DB_NUMBER)
        pv->base = WIRE_INT32;
    else
        pv->base = pv->view.shape & DB_CHARACTERS ? WIRE_CHAR : db_base(is);
    pv->elements = channel_count(is, pv->view.shape & DB_CHARACTERS);
    pv->pv.native = pv->base;
    pv->pv.count = pv->elements;
    pv->pv.by_reference = is->flags & SCENARIO_BY_REFERENCE;
    pv->pv.rights = is->flags & SCENARIO_READONLY ? WIRE_RIGHT_READ : WIRE_RIGHT_READ | WIRE_RIGHT_WRITE;
}

/* Links and attributes have their text elsewhere. */
static bool has_elements(const struct db_pv *pv)
{
    return !scenario_is_link(pv->cell->is->kind) && !(pv->cell->is->flags & SCENARIO_ATTRIBUTE);
}

/* Only arrays are sliced; of links and attributes a slice changes just the count that is shown. */
static bool make_slice(struct db_pv *pv)
{
    bool is_full = pv->view.shape & DB_FULL, is_sliced = pv->view.nslices > 0 && pv->elements > 1;
    uint32_t first, largest = is_full ? pv->elements : 1;
    pv->pv.whole = is_full || is_sliced ? pv->elements : 0;
    for (; pv->sliced < pv->view.nslices && pv->elements > 1; pv->sliced++) {
        pv->elements = filter_slice_indices(&pv->view.slice[pv->sliced], pv->elements, &first);
        pv->most[pv->sliced] = pv->elements;
        largest = pv->elements > largest ? pv->elements : largest;
    }
    pv->pv.count = pv->elements;
    if (!has_elements(pv) || (!is_full && !is_sliced))
        return true;
    size_t bytes = (size_t)largest * wire_base_size((enum wire_base)pv->base);
    struct database *d = pv->record->database;
    if (bytes > VIEW_BYTES_MOST - d->view_bytes || (pv->slice = malloc(bytes)) == NULL)
        return false;
    d->view_bytes += bytes;
    return true;
}

/* The filter ts shows a stamp; posts are those of the value. */
static void make_stamp(struct db_pv *pv)
{
    if (!(pv->view.shape & DB_STAMP))
        return;
    if (pv->pv.whole == 0)
        pv->pv.whole = pv->elements;
    pv->pv.by_value = pv->pv.whole == 1 && pv->base != WIRE_STRING && !pv->pv.by_reference;
    pv->pv.by_reference = !pv->pv.by_value;
    pv->pv.count = pv->view.show.count;
    pv->pv.native = pv->view.show.mode == FILTER_STAMP_TEXT ? WIRE_STRING : WIRE_DOUBLE;
}

static bool can_have(const struct database *d, const struct scenario_field *is, const struct db_view *view)
{
    if (is->kind == SCENARIO_NOACCESS || (view->shape & DB_CHARACTERS && !db_is_text(is)))
        return false;
    return !(view->shape & (DB_SLICE | DB_STAMP | DB_FULL)) || d->nviews < VIEWS_MOST;
}

/* With the view's slices behind it. */
static struct db_pv *allocate(const struct db_view *view)
{
    struct db_pv *pv = calloc(1, sizeof *pv + view->nslices * (sizeof *view->slice + sizeof *pv->most));
    if (pv == NULL)
        return NULL;
    pv->view = *view;
    pv->view.slice = (struct filter_slice *)(pv + 1);
    pv->most = (uint32_t *)(pv->view.slice + view->nslices);
    if (view->nslices > 0)
        memcpy(pv->view.slice, view->slice, view->nslices * sizeof *view->slice);
    return pv;
}

static struct db_pv *make(struct db_record *r, const struct db_view *view)
{
    struct db_pv *pv = allocate(view);
    if (pv == NULL || (pv->cell = db_cell(r, view->field)) == NULL) {
        free(pv);
        return NULL;
    }
    pv->record = r;
    pv->pv.name = r->is->name;
    pv->pv.meta = &pv->meta;
    set_counts(pv);
    if (!make_slice(pv)) {
        free(pv);
        return NULL;
    }
    make_stamp(pv);
    return pv;
}

/* What has always all of its elements needs no copy of them. */
static bool can_be_full(const struct scenario_field *is, unsigned shape)
{
    return channel_count(is, shape & DB_CHARACTERS) > 1 || is->flags & (SCENARIO_ARRAY | SCENARIO_LONG_TEXT);
}

struct db_pv *db_pv_open(struct db_record *r, const struct db_view *wanted)
{
    const struct scenario_field *is = scenario_field_of(r->is, wanted->field);
    struct db_view view = *wanted;
    if (!can_be_full(is, view.shape))
        view.shape &= ~(unsigned)DB_FULL;
    struct db_pv *pv = find(r, &view);
    if (pv != NULL || !can_have(r->database, is, &view) || (pv = make(r, &view)) == NULL)
        return pv;
    r->database->nviews += view.shape & (DB_SLICE | DB_STAMP | DB_FULL) ? 1 : 0;
    db_process_prepare(r);
    meta_refresh(pv);
    db_pv_refresh(pv);
    pv->next = r->pvs;
    r->pvs = pv;
    return pv;
}

void db_record_free(struct db_record *r)
{
    for (struct db_pv *pv = r->pvs, *next; pv != NULL; pv = next) {
        next = pv->next;
        free(pv->slice);
        free(pv);
    }
    for (struct db_cell *cell = r->cells, *next; cell != NULL; cell = next) {
        next = cell->next;
        free(cell);
    }
}
