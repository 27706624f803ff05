/* Two recordings' PVs: the rows of replay/differ.h about them. */
#include "replay/differ.h"

#include "traces/show.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* One PV in both. */
struct pair {
    struct differ *d;
    const struct timeline_pv *pv[2];
    double rate[2]; /* Hz; 0: not known */
};

/* ---- what it is ---- */

static void compare_type(const struct pair *p)
{
    if (p->pv[0]->native == p->pv[1]->native && p->pv[0]->count == p->pv[1]->count)
        return;
    struct differ_row *row = differ_add(p->d, DIFFER_TYPE, p->pv[0]->name);
    for (unsigned s = 0; s < 2; s++)
        snprintf(row->text[s], sizeof row->text[s], "%s[%" PRIu32 "]", wire_types[p->pv[s]->native].name, p->pv[s]->count);
}

static void compare_rights(const struct pair *p)
{
    static const char *const names[] = {"none", "read", "write", "read+write"};
    if (p->pv[0]->rights == p->pv[1]->rights)
        return;
    struct differ_row *row = differ_add(p->d, DIFFER_RIGHTS, p->pv[0]->name);
    for (unsigned s = 0; s < 2; s++)
        snprintf(row->text[s], sizeof row->text[s], "%s", names[p->pv[s]->rights & 3]);
}

static struct differ_row *add_meta(const struct pair *p, const char *what)
{
    char name[DIFFER_NAME_BYTES];
    snprintf(name, sizeof name, "%.*s:%s", DIFFER_NAME_BYTES - 16, p->pv[0]->name, what);
    return differ_add(p->d, DIFFER_META, name);
}

static bool is_same(const double *a, const double *b, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (a[i] != b[i] && !(isnan(a[i]) && isnan(b[i])))
            return false;
    return true;
}

/* Limits as "upper...lower"; unknown ones as "-". */
static void compare_limits(const struct pair *p, const char *what, uint32_t bit, const double *limits[2], unsigned n)
{
    const bool has[2] = {p->pv[0]->meta.has & bit, p->pv[1]->meta.has & bit};
    if (has[0] == has[1] && (!has[0] || is_same(limits[0], limits[1], n)))
        return;
    struct differ_row *row = add_meta(p, what);
    for (unsigned s = 0; s < 2; s++)
        for (unsigned i = 0, used = 0; has[s] && i < n; i++) {
            snprintf(row->text[s] + used, sizeof row->text[s] - used, "%s%.6g", i > 0 ? "," : "", limits[s][i]);
            used = (unsigned)strlen(row->text[s]);
        }
}

static void compare_units(const struct pair *p)
{
    const struct wire_meta *m[2] = {&p->pv[0]->meta, &p->pv[1]->meta};
    const uint32_t has[2] = {m[0]->has & WIRE_META_UNITS, m[1]->has & WIRE_META_UNITS};
    if (has[0] == has[1] && strncmp((const char *)m[0]->units, (const char *)m[1]->units, WIRE_UNITS_BYTES) == 0)
        return;
    struct differ_row *row = add_meta(p, "units");
    for (unsigned s = 0; s < 2; s++) {
        char units[WIRE_UNITS_BYTES + 1] = "", shown[4 * sizeof units];
        memcpy(units, m[s]->units, WIRE_UNITS_BYTES);
        show_name_into(units, shown, sizeof shown);
        if (has[s])
            snprintf(row->text[s], sizeof row->text[s], "'%s'", shown);
    }
}

static bool is_same_label(const struct wire_meta *a, const struct wire_meta *b, unsigned i)
{
    return strncmp((const char *)a->labels[i], (const char *)b->labels[i], WIRE_LABEL_BYTES) == 0;
}

static void write_label(const struct wire_meta *m, unsigned i, char text[DIFFER_TEXT_BYTES])
{
    char label[WIRE_LABEL_BYTES + 1] = "", shown[64];
    memcpy(label, m->labels[i], WIRE_LABEL_BYTES);
    show_name_into(label, shown, sizeof shown);
    if (i < m->nlabels)
        snprintf(text, DIFFER_TEXT_BYTES, "%u='%s' of %u", i, shown, m->nlabels);
    else if (m->has & WIRE_META_LABELS)
        snprintf(text, DIFFER_TEXT_BYTES, "%u labels", m->nlabels);
}

static void compare_labels(const struct pair *p)
{
    const struct wire_meta *m[2] = {&p->pv[0]->meta, &p->pv[1]->meta};
    const unsigned least = m[0]->nlabels < m[1]->nlabels ? m[0]->nlabels : m[1]->nlabels;
    unsigned i = 0;
    while (i < least && is_same_label(m[0], m[1], i))
        i++;
    if (((m[0]->has ^ m[1]->has) & WIRE_META_LABELS) == 0 && i == least && m[0]->nlabels == m[1]->nlabels)
        return;
    struct differ_row *row = add_meta(p, "labels");
    for (unsigned s = 0; s < 2; s++)
        write_label(m[s], i, row->text[s]);
}

static void compare_precision(const struct pair *p)
{
    const struct wire_meta *m[2] = {&p->pv[0]->meta, &p->pv[1]->meta};
    const double precision[2] = {m[0]->precision, m[1]->precision};
    compare_limits(p, "precision", WIRE_META_PRECISION, (const double *[]){&precision[0], &precision[1]}, 1);
}

static void compare_meta(const struct pair *p)
{
    const struct wire_meta *m[2] = {&p->pv[0]->meta, &p->pv[1]->meta};
    compare_units(p);
    compare_precision(p);
    compare_limits(p, "display", WIRE_META_DISPLAY, (const double *[]){m[0]->display, m[1]->display}, 2);
    compare_limits(p, "alarm", WIRE_META_DISPLAY, (const double *[]){m[0]->alarm, m[1]->alarm}, 4);
    compare_limits(p, "control", WIRE_META_CONTROL, (const double *[]){m[0]->control, m[1]->control}, 2);
    compare_labels(p);
}

/* ---- what it did ---- */

static void compare_rates(const struct pair *p)
{
    const double larger = p->rate[0] > p->rate[1] ? p->rate[0] : p->rate[1];
    if (p->rate[0] <= 0 || p->rate[1] <= 0 || fabs(p->rate[0] - p->rate[1]) <= DIFFER_RATE * larger)
        return;
    struct differ_row *row = differ_add(p->d, DIFFER_RATE_OF, p->pv[0]->name);
    for (unsigned s = 0; s < 2; s++)
        snprintf(row->text[s], sizeof row->text[s], "%.3fHz", p->rate[s]);
}

static void compare_numbers(const struct pair *p)
{
    if (p->pv[0]->nupdates == p->pv[1]->nupdates)
        return;
    struct differ_row *row = differ_add(p->d, DIFFER_UPDATES, p->pv[0]->name);
    for (unsigned s = 0; s < 2; s++)
        snprintf(row->text[s], sizeof row->text[s], "%" PRIu32, p->pv[s]->nupdates);
}

/* The first element that is another; the smaller count where one array goes on. */
static uint32_t other_element(const struct timeline_update *a, const struct timeline_update *b, size_t size)
{
    const uint32_t least = a->count < b->count ? a->count : b->count;
    uint32_t i = 0;
    while (i < least && memcmp(a->data + i * size, b->data + i * size, size) == 0)
        i++;
    return i;
}

static bool is_same_update(const struct timeline_update *a, const struct timeline_update *b, size_t size)
{
    return a->count == b->count && a->status == b->status && a->severity == b->severity &&
           (a->count == 0 || memcmp(a->data, b->data, a->count * size) == 0);
}

static void write_update(const struct timeline_update *u, unsigned base, uint32_t i, char text[DIFFER_TEXT_BYTES])
{
    char number[64] = "";
    const size_t size = wire_base_size((enum wire_base)base);
    const struct wire_value element = {.data = u->data + i * size, .count = 1, .base = (uint8_t)base};
    if (i < u->count)
        wire_value_text(&element, 1, number, sizeof number);
    else
        snprintf(number, sizeof number, "%" PRIu32 " elements", u->count);
    snprintf(text, DIFFER_TEXT_BYTES, "%s %s/%s", number, show_severity(u->severity), show_alarm(u->status));
}

static void compare_values(const struct pair *p)
{
    const unsigned base = p->pv[0]->native;
    const size_t size = wire_base_size((enum wire_base)base);
    const uint32_t least = p->pv[0]->nupdates < p->pv[1]->nupdates ? p->pv[0]->nupdates : p->pv[1]->nupdates;
    uint32_t k = 0;
    if (base != p->pv[1]->native)
        return;
    while (k < least && is_same_update(&p->pv[0]->updates[k], &p->pv[1]->updates[k], size))
        k++;
    if (k == least)
        return;
    const struct timeline_update *u[2] = {&p->pv[0]->updates[k], &p->pv[1]->updates[k]};
    uint32_t i = other_element(u[0], u[1], size);
    char at[64];
    i = i == u[0]->count && i == u[1]->count ? 0 : i; /* only the alarm is another */
    snprintf(at, sizeof at, "[%" PRIu32 "] of update %" PRIu32 ": ", i, k);
    struct differ_row *row = differ_add(p->d, DIFFER_VALUE, p->pv[0]->name);
    for (unsigned s = 0; s < 2; s++)
        write_update(u[s], base, i, row->text[s]);
    char first[DIFFER_TEXT_BYTES];
    memcpy(first, row->text[0], sizeof first);
    snprintf(row->text[0], sizeof row->text[0], "%s%.*s", at, (int)(sizeof row->text[0] - sizeof at - 1), first);
}

/* ---- all ---- */

/* Updates a second that one subscription saw, of the trace's PVs that are this one. */
static void set_rates(const struct differ_side *side, double *rates)
{
    for (uint32_t i = 0; i < side->trace->npvs; i++) {
        const uint32_t pv = side->timeline->of_trace_pv[i];
        const struct survey_pv *n = &side->survey->pvs[i];
        if (pv != NAMES_NONE && n->intervals_ns > 0)
            rates[pv] = (double)n->intervals / ((double)n->intervals_ns / 1e9);
    }
}

static void add_only(struct differ *d, const char *name, unsigned side)
{
    struct differ_row *row = differ_add(d, DIFFER_PV, name);
    snprintf(row->text[side], sizeof row->text[side], "there");
}

static void compare_pair(const struct pair *p)
{
    compare_type(p);
    compare_rights(p);
    compare_meta(p);
    compare_numbers(p);
    compare_rates(p);
    compare_values(p);
}

static uint32_t find_other(const struct timeline *t, const char *name)
{
    return timeline_find(t, name, strlen(name));
}

void differ_pvs(struct differ *d, const struct differ_side sides[2])
{
    const struct timeline *a = sides[0].timeline, *b = sides[1].timeline;
    double *rates = calloc((size_t)a->npvs + b->npvs + 1, sizeof *rates);
    d->failed |= rates == NULL;
    if (rates == NULL)
        return;
    set_rates(&sides[0], rates);
    set_rates(&sides[1], rates + a->npvs);
    for (uint32_t i = 0; i < a->npvs; i++) {
        const uint32_t j = find_other(b, a->pvs[i].name);
        if (j == NAMES_NONE)
            add_only(d, a->pvs[i].name, 0);
        else
            compare_pair(&(struct pair){.d = d, .pv = {&a->pvs[i], &b->pvs[j]}, .rate = {rates[i], rates[a->npvs + j]}});
    }
    for (uint32_t j = 0; j < b->npvs; j++)
        if (find_other(a, b->pvs[j].name) == NAMES_NONE)
            add_only(d, b->pvs[j].name, 1);
    free(rates);
}
