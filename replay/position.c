#include "replay/position.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

struct line {
    char *end;
    size_t left;
};

__attribute__((format(printf, 2, 3))) static void add(struct line *line, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(line->end, line->left, format, arguments);
    va_end(arguments);
    size_t written = (size_t)n < line->left ? (size_t)n : line->left;
    line->end += written;
    line->left -= written;
}

static void add_updates(struct line *line, const struct position *p)
{
    add(line, "%" PRIu64, p->movers->made);
    if (p->playback->total > 0)
        add(line, "/%" PRIu64, p->playback->total);
    add(line, " updates");
}

/* Recorded time since the begin of the first round. */
static uint64_t elapsed_ns(const struct position *p, uint64_t now_ns)
{
    bool by_clock = p->playback->config.pace != PLAYBACK_ASAP;
    return playback_recorded_ns(p->playback, by_clock ? transport_now_ns(p->transport, now_ns) : p->last_due_ns);
}

static void add_time(struct line *line, const struct position *p, uint64_t now_ns)
{
    const uint64_t loops = p->playback->config.loops;
    const uint64_t round_ns = loops == 1 ? p->playback->timeline->length_ns : p->playback->period_ns;
    const uint64_t elapsed = elapsed_ns(p, now_ns);
    uint64_t loop = elapsed / (round_ns > 0 ? round_ns : 1), in_round = elapsed - loop * round_ns;
    if (loops > 0 && loop >= loops) {
        loop = loops - 1;
        in_round = round_ns;
    }
    add(line, "%.3f/%.3f s", (double)in_round / 1e9, (double)round_ns / 1e9);
    if (loops != 1)
        add(line, ", loop %" PRIu64, loop + 1);
    if (loops > 1)
        add(line, " of %" PRIu64, loops);
}

void position_print(const struct position *p, uint64_t now_ns, char *text, size_t room)
{
    struct line line = {text, room};
    if (!p->transport->is_started)
        add(&line, "waiting for time 0");
    else if (p->playback->has_recorded)
        add_time(&line, p, now_ns);
    else
        add_updates(&line, p);
    if (p->is_over)
        add(&line, ", over");
    else if (p->transport->is_paused)
        add(&line, ", paused");
}
