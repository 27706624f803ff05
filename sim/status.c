/* --status: a line a second on stderr; and the snapshots of --http. What they cost is spent where nothing is due; the same for
 * telling contention from our own lateness. */
#include "sim/server.h"

#include "base/clock.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#define TICK_NS     CLOCK_NS
#define IDLE_NS     500000u  /* the time that its work may need */
#define PATIENCE_NS CLOCK_NS /* a server that is never idle tells all the same */
#define LINE_BYTES  400u

void status_want(struct server *s, uint64_t now_ns)
{
    if (s->status.due_ns == CLOCK_NEVER)
        s->status.due_ns = now_ns;
}

static void on_tick(void *owner, uint64_t now_ns)
{
    struct server *s = owner;
    struct status *status = &s->status;
    status_want(s, now_ns);
    while (status->begun_ns + status->ticks * TICK_NS <= now_ns)
        status->ticks++;
    schedule_set(&s->loop.schedule, &status->tick, status->begun_ns + status->ticks * TICK_NS);
}

static size_t describe_late(const struct histogram *self, char *line, size_t room)
{
    char p50[BUDGET_TEXT], p99[BUDGET_TEXT], most[BUDGET_TEXT];
    if (self->count == 0)
        return (size_t)snprintf(line, room, "nothing late");
    return (size_t)snprintf(line, room, "late p50 %s p99 %s max %s", budget_show(histogram_quantile(self, 0.5), p50),
                            budget_show(histogram_quantile(self, 0.99), p99), budget_show(self->max, most));
}

/* "12 s | 120.0 updates/s | 1 PV | 3 circuits | late p50 ..." */
static size_t describe(struct server *s, uint64_t now_ns, char line[LINE_BYTES])
{
    struct status *status = &s->status;
    const struct sim_counts *counts = &s->sim.counts;
    double seconds = (double)(now_ns - status->shown_ns) / 1e9;
    size_t n = (size_t)snprintf(line, LINE_BYTES, "%.0f s | ", (double)(now_ns - status->begun_ns) / 1e9);
    const struct sim_source *source = s->sim.source;
    if (source->calls->position != NULL) {
        source->calls->position(source->self, now_ns, line + n, LINE_BYTES / 2);
        n += strlen(line + n);
        n += (size_t)snprintf(line + n, LINE_BYTES - n, " | ");
    }
    n += (size_t)snprintf(line + n, LINE_BYTES - n, "%.1f updates/s | %" PRIu64 " PV%s | %" PRIu32 " circuit%s | ",
                          (double)(counts->sent - status->sent) / seconds, counts->posted_pvs, counts->posted_pvs == 1 ? "" : "s",
                          s->sim.ncircuits, s->sim.ncircuits == 1 ? "" : "s");
    status->sent = counts->sent;
    status->shown_ns = now_ns;
    return n + describe_late(&s->sim.late.of[SIM_LATE_SELF], line + n, LINE_BYTES - n);
}

/* Whoever does not read our stderr does not stop us. On a terminal the line is written over. */
static void show(struct server *s, uint64_t now_ns)
{
    char line[LINE_BYTES + 16] = "\r";
    const bool is_terminal = s->status.is_terminal;
    if (!server_can_print())
        return;
    size_t from = is_terminal ? 0 : 1, n = 1 + describe(s, now_ns, line + 1);
    n += (size_t)snprintf(line + n, sizeof line - n, "%s", is_terminal ? "\x1b[K" : "\n");
    s->status.is_line_open = is_terminal;
    (void)!write(STDERR_FILENO, line + from, n - from);
}

static void work(struct server *s, uint64_t now_ns)
{
    lateness_settle(&s->sim.late, contention_since(&s->contention));
    if (s->status.due_ns == CLOCK_NEVER)
        return;
    s->status.due_ns = CLOCK_NEVER;
    live_publish(s, now_ns);
    if (s->status.is_shown)
        show(s, now_ns);
}

static bool has_work(const struct server *s)
{
    return s->status.due_ns != CLOCK_NEVER || s->sim.late.suspects > 0;
}

void status_idle(struct server *s, uint64_t until_ns)
{
    if (!has_work(s))
        return;
    uint64_t now_ns = clock_monotonic_ns();
    if (until_ns > now_ns && until_ns - now_ns >= IDLE_NS)
        work(s, now_ns);
}

void status_insist(struct server *s, uint64_t now_ns)
{
    if (s->status.due_ns != CLOCK_NEVER && now_ns - s->status.due_ns >= PATIENCE_NS)
        work(s, now_ns);
}

int status_open(struct server *s, bool is_shown, uint64_t now_ns, struct diag *diag)
{
    struct status *status = &s->status;
    *status = (struct status){.tick = {.fire = on_tick, .owner = s},
                              .begun_ns = now_ns,
                              .shown_ns = now_ns,
                              .due_ns = CLOCK_NEVER,
                              .is_shown = is_shown,
                              .is_terminal = isatty(STDERR_FILENO) == 1};
    if (schedule_add(&s->loop.schedule, &status->tick) < 0)
        return diag_fail(diag, DIAG_ENVIRONMENT, "no memory for the schedule");
    if (is_shown || s->live != NULL || s->sim.late.is_shared)
        schedule_set(&s->loop.schedule, &status->tick, now_ns + TICK_NS);
    return 0;
}

void status_close(struct server *s)
{
    lateness_settle(&s->sim.late, contention_since(&s->contention));
    if (s->status.is_line_open)
        fputc('\n', stderr);
}
