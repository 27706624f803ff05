#include "replay/transport.h"

void transport_start(struct transport *t, uint64_t now_ns, uint64_t origin_ns)
{
    t->is_started = true;
    t->at_ns = 0;
    t->anchor_ns = now_ns;
    t->origin_ns = origin_ns;
}

/* ns * to / from, rounded down; what is beyond 64 bits comes never. */
static uint64_t scale(uint64_t ns, uint64_t to, uint64_t from)
{
    __extension__ typedef unsigned __int128 u128;
    const u128 scaled = (u128)ns * to / from;
    return scaled < CLOCK_NEVER ? (uint64_t)scaled : CLOCK_NEVER;
}

static uint64_t to_clock(const struct transport *t, uint64_t ns)
{
    return scale(ns, t->rate.den, t->rate.num);
}

/* What was due before the anchor (it was late when time was stopped) is as late as it was. */
static uint64_t deadline(const struct transport *t, uint64_t offset_ns)
{
    if (offset_ns >= t->at_ns) {
        const uint64_t after = to_clock(t, offset_ns - t->at_ns);
        return after < CLOCK_NEVER - t->anchor_ns ? t->anchor_ns + after : CLOCK_NEVER;
    }
    const uint64_t before = to_clock(t, t->at_ns - offset_ns);
    return before < t->anchor_ns ? t->anchor_ns - before : 1;
}

uint64_t transport_due_ns(const struct transport *t, uint64_t offset_ns)
{
    if (transport_stands(t))
        return CLOCK_NEVER;
    return deadline(t, offset_ns);
}

/* Before the anchor the clock's past is taken to be as far back as the replay's. */
uint64_t transport_origin_ns(const struct transport *t, uint64_t offset_ns)
{
    if (t->has_fixed_stamps || offset_ns <= t->at_ns)
        return t->origin_ns;
    const uint64_t after = offset_ns - t->at_ns;
    return t->origin_ns - after + to_clock(t, after);
}

uint64_t transport_now_ns(const struct transport *t, uint64_t now_ns)
{
    if (!t->is_started || t->is_paused || now_ns < t->anchor_ns)
        return t->at_ns;
    return t->at_ns + scale(now_ns - t->anchor_ns, t->rate.num, t->rate.den);
}

/* From here on the replay is at at_ns when the clock is at now_ns. */
static void move_anchor(struct transport *t, uint64_t at_ns, uint64_t now_ns)
{
    if (!t->has_fixed_stamps)
        t->origin_ns += (now_ns - t->anchor_ns) - (at_ns - t->at_ns);
    t->at_ns = at_ns;
    t->anchor_ns = now_ns;
}

void transport_pause(struct transport *t, uint64_t now_ns)
{
    if (t->is_paused)
        return;
    if (t->is_started)
        move_anchor(t, transport_now_ns(t, now_ns), now_ns);
    t->is_paused = true;
}

void transport_go_on(struct transport *t, uint64_t now_ns)
{
    if (!t->is_paused)
        return;
    if (t->is_started)
        move_anchor(t, t->at_ns, now_ns);
    t->is_paused = t->is_stepping = false;
}

void transport_set_rate(struct transport *t, struct clock_rate rate, uint64_t now_ns)
{
    if (t->is_started)
        move_anchor(t, transport_now_ns(t, now_ns), now_ns);
    t->rate = rate;
}

void transport_step(struct transport *t, uint64_t offset_ns, uint64_t now_ns)
{
    if (!t->is_started || !t->is_paused)
        return;
    move_anchor(t, offset_ns, now_ns);
    t->is_stepping = true;
}

void transport_stepped(struct transport *t)
{
    t->is_stepping = false;
}
