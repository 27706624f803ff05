#include "replay/rights.h"

#include <stdlib.h>
#include <string.h>

/* flag: of a snapshot (TRACE_FILLED), or else (0). */
static bool tells_rights(const struct trace_event *e, unsigned flag)
{
    return (e->flags & TRACE_FILLED) == flag && e->command == WIRE_ACCESS_RIGHTS && e->flags & TRACE_FROM_SERVER &&
           e->pv != TRACE_NONE;
}

static uint32_t count_told(const struct trace *trace)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < trace->nevents; i++)
        n += tells_rights(&trace->events[i], 0);
    return n;
}

static void take(struct rights *r, uint8_t *now, uint32_t pv, const struct trace_event *e, uint64_t zero_ns)
{
    uint8_t rights = (uint8_t)(e->p2 & (WIRE_RIGHT_READ | WIRE_RIGHT_WRITE));
    bool is_first = now[pv] == 0xff, is_change = !(e->flags & TRACE_RIGHTS_OF) && now[pv] != rights;
    if (!is_first && !is_change)
        return;
    now[pv] = rights;
    if (is_first || e->t_ns <= zero_ns)
        r->first[pv] = rights;
    else
        r->changes[r->nchanges++] = (struct rights_change){.due_ns = e->t_ns - zero_ns, .pv = pv, .rights = rights};
}

/* What a snapshot saw, for PVs whose rights the recording does not tell. */
static void fill_in(struct rights *r, const struct samples *s)
{
    for (uint32_t i = 0; i < s->trace->nevents; i++) {
        const struct trace_event *e = &s->trace->events[i];
        if (tells_rights(e, TRACE_FILLED) && r->first[s->pv_of[e->pv]] == 0xff)
            r->first[s->pv_of[e->pv]] = (uint8_t)(e->p2 & (WIRE_RIGHT_READ | WIRE_RIGHT_WRITE));
    }
}

static void change_back(struct rights *r, const uint8_t *now, const uint8_t *first, uint32_t npvs)
{
    for (uint32_t pv = 0; pv < npvs; pv++)
        if (now[pv] != first[pv])
            r->changes[r->nchanges++] = (struct rights_change){.due_ns = RIGHTS_ROUND_END, .pv = pv, .rights = first[pv]};
}

int rights_init(struct rights *r, const struct samples *s, uint64_t zero_ns)
{
    const uint32_t npvs = names_count(s->names);
    *r = (struct rights){.first = malloc((size_t)npvs + 1)};
    r->changes = calloc((size_t)count_told(s->trace) + npvs + 1, sizeof *r->changes);
    uint8_t *now = malloc((size_t)npvs + 1);
    if (r->first == NULL || r->changes == NULL || now == NULL) {
        free(now);
        return -1;
    }
    memset(r->first, 0xff, npvs);
    memset(now, 0xff, npvs);
    for (uint32_t i = 0; i < s->trace->nevents; i++)
        if (tells_rights(&s->trace->events[i], 0))
            take(r, now, s->pv_of[s->trace->events[i].pv], &s->trace->events[i], zero_ns);
    change_back(r, now, r->first, npvs);
    fill_in(r, s);
    free(now);
    return 0;
}

/* Room for the changes back of all PVs is behind those that were recorded. */
int rights_cut(struct rights *r, uint8_t *first, uint32_t npvs, uint64_t from_ns, uint64_t to_ns)
{
    const uint32_t n = r->nchanges;
    uint8_t *now = malloc((size_t)npvs + 1);
    if (now == NULL)
        return -1;
    uint32_t i = 0;
    for (; i < n && r->changes[i].due_ns <= from_ns; i++)
        first[r->changes[i].pv] = r->changes[i].rights;
    memcpy(now, first, npvs);
    for (r->nchanges = 0; i < n && r->changes[i].due_ns < to_ns && r->changes[i].due_ns != RIGHTS_ROUND_END; i++) {
        struct rights_change *kept = &r->changes[r->nchanges++];
        *kept = r->changes[i];
        kept->due_ns -= from_ns;
        now[kept->pv] = kept->rights;
    }
    change_back(r, now, first, npvs);
    free(now);
    return 0;
}

void rights_fini(struct rights *r)
{
    free(r->first);
    free(r->changes);
    *r = (struct rights){0};
}
