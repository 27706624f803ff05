#include "replay/playback.h"

/* Where nothing tells a rhythm. */
#define DEFAULT_INTERVAL_NS CLOCK_NS

/* ---- rounds ---- */

/* The rate of its own that a PV has; num 0: none. */
static struct clock_rate own_rate(const struct playback *p, const struct timeline_pv *pv)
{
    return p->config.rates != NULL ? p->config.rates[pv - p->timeline->pvs] : (struct clock_rate){0, 1};
}

static bool is_recorded(const struct playback *p, const struct timeline_pv *pv)
{
    return own_rate(p, pv).num == 0;
}

static const struct timeline_pv *busiest(const struct playback *p)
{
    const struct timeline_pv *best = NULL;
    for (uint32_t i = 0; i < p->timeline->npvs; i++) {
        const struct timeline_pv *pv = &p->timeline->pvs[i];
        if (is_recorded(p, pv) && pv->nupdates > (best != NULL ? best->nupdates : 1))
            best = pv;
    }
    return best;
}

static int64_t last_due(const struct timeline_pv *pv)
{
    return pv->updates[pv->nupdates - 1].due_ns;
}

static uint64_t mean_interval(const struct timeline_pv *pv)
{
    if (pv == NULL || pv->nupdates < 3)
        return DEFAULT_INTERVAL_NS;
    uint64_t span = (uint64_t)(last_due(pv) - pv->updates[1].due_ns), mean = span / (pv->nupdates - 2);
    return mean > 0 ? mean : DEFAULT_INTERVAL_NS;
}

/* When in a round a PV falls back to its initial value. */
static int64_t first_due(const struct playback *p, const struct timeline_pv *pv)
{
    int64_t due = pv->updates[0].due_ns;
    if (p->timeline->cut_ns > 0)
        return 0;
    return due >= -(int64_t)p->interval_ns ? due : 0;
}

/* The least round in which no PV starts anew before its last update. */
static uint64_t longest_span(const struct playback *p)
{
    int64_t longest = 0;
    for (uint32_t i = 0; i < p->timeline->npvs; i++) {
        const struct timeline_pv *pv = &p->timeline->pvs[i];
        int64_t span = pv->nupdates > 1 && is_recorded(p, pv) ? last_due(pv) - first_due(p, pv) : 0;
        longest = span > longest ? span : longest;
    }
    return (uint64_t)longest;
}

static uint64_t period(const struct playback *p, const struct timeline_pv *busy)
{
    if (p->timeline->cut_ns > 0)
        return p->timeline->cut_ns;
    if (busy == NULL)
        return p->interval_ns;
    uint64_t own = (uint64_t)(last_due(busy) - first_due(p, busy)), missing = longest_span(p) - own;
    return own + (missing / p->interval_ns + 1) * p->interval_ns;
}

static uint64_t count_updates(const struct playback *p)
{
    uint64_t total = 0;
    for (uint32_t i = 0; i < p->timeline->npvs; i++) {
        const uint64_t n = p->timeline->pvs[i].nupdates;
        total += n > 1 ? n * p->config.loops - 1 : 0;
    }
    return p->config.loops > 0 ? total : 0;
}

void playback_init(struct playback *p, const struct timeline *timeline, const struct playback_config *config)
{
    *p = (struct playback){.config = *config, .timeline = timeline};
    const struct timeline_pv *busy = busiest(p);
    p->interval_ns = mean_interval(busy);
    p->period_ns = period(p, busy);
    p->total = count_updates(p);
    for (uint32_t i = 0; i < timeline->npvs && !p->has_recorded; i++)
        p->has_recorded = is_recorded(p, &timeline->pvs[i]);
}

bool playback_has(const struct playback *p, const struct timeline_pv *pv, uint64_t k)
{
    return pv->nupdates > 1 && (p->config.loops == 0 || k / pv->nupdates < p->config.loops);
}

/* ---- times ---- */

/* ns * to / from, rounded down; what is beyond 64 bits comes never. */
static uint64_t scale_by(uint64_t ns, uint64_t to, uint64_t from)
{
    __extension__ typedef unsigned __int128 u128;
    u128 scaled = (u128)ns * to / from;
    return scaled < CLOCK_NEVER ? (uint64_t)scaled : CLOCK_NEVER;
}

/* Recorded time -> time of the replay. */
static uint64_t scale(const struct playback *p, uint64_t ns)
{
    return scale_by(ns, p->config.speed.den, p->config.speed.num);
}

uint64_t playback_recorded_ns(const struct playback *p, uint64_t ns)
{
    return scale_by(ns, p->config.speed.num, p->config.speed.den);
}

uint64_t playback_due_ns(const struct playback *p, const struct timeline_pv *pv, uint64_t k)
{
    const struct clock_rate rate = own_rate(p, pv);
    if (rate.num > 0)
        return clock_tick_ns(rate, k);
    const uint64_t round_ns = k / pv->nupdates * p->period_ns;
    int64_t due = k % pv->nupdates == 0 ? first_due(p, pv) : playback_update(pv, k)->due_ns;
    return scale(p, round_ns + (uint64_t)due); /* wraps back: a negative due comes with a round of at least an interval */
}

uint64_t playback_stamp_ns(const struct playback *p, const struct timeline_pv *pv, uint64_t k, uint64_t origin_ns)
{
    const uint64_t stamp = playback_update(pv, k)->stamp_ns, zero = p->timeline->zero_stamp_ns;
    if (p->config.recorded_stamps || stamp == 0)
        return stamp;
    const struct clock_rate rate = own_rate(p, pv);
    if (rate.num > 0 && k > 0)
        return origin_ns + clock_tick_ns(rate, k);
    const uint64_t round_ns = k / pv->nupdates * p->period_ns;
    if (stamp >= zero)
        return origin_ns + scale(p, stamp - zero + round_ns);
    const uint64_t age = zero - stamp, now = origin_ns + scale(p, round_ns);
    return now > age ? now - age : 0;
}

/* ---- rights ---- */

bool playback_has_rights(const struct playback *p, uint64_t k)
{
    const uint32_t n = p->timeline->rights.nchanges;
    if (n == 0 || !p->has_recorded)
        return false;
    uint64_t rounds = k / n + (playback_rights(p, k)->due_ns == RIGHTS_ROUND_END ? 2 : 1); /* that it takes */
    return p->config.loops == 0 || rounds <= p->config.loops;
}

uint64_t playback_rights_ns(const struct playback *p, uint64_t k)
{
    const uint64_t due_ns = playback_rights(p, k)->due_ns, round_ns = k / p->timeline->rights.nchanges * p->period_ns;
    bool is_late = p->config.loops != 1 && due_ns > p->period_ns; /* a round is as long as the values need */
    return scale(p, round_ns + (is_late ? p->period_ns : due_ns));
}
