/* May this run be taken for a measurement? And the words in which it is told on stderr. */
#include "sim/server.h"

#include <inttypes.h>

uint64_t server_lost_searches(const struct server *s)
{
    return udp_drops(s) + s->sim.counts.dropped_searches;
}

bool verdict(const struct server *s, char why[VERDICT_TEXT])
{
    uint64_t lost = server_lost_searches(s);
    if (lost > 0) {
        snprintf(why, VERDICT_TEXT, "%" PRIu64 " datagrams or searches were lost: the kernel granted %" PRIu64 " bytes for them",
                 lost, udp_buffer_bytes(s));
        return false;
    }
    return !budget_is_over(&s->budget, &s->sim.late.of[SIM_LATE_SELF], why, VERDICT_TEXT);
}

static void print_owner(const char *owner, const struct histogram *h)
{
    char text[4][BUDGET_TEXT];
    if (h->count == 0)
        return;
    fprintf(stderr, "caplay: late, %s: %" PRIu64 " times, p50 %s, p99 %s, p99.9 %s, max %s\n", owner, h->count,
            budget_show(histogram_quantile(h, 0.5), text[0]), budget_show(histogram_quantile(h, 0.99), text[1]),
            budget_show(histogram_quantile(h, 0.999), text[2]), budget_show(h->max, text[3]));
}

static void link_print(const struct link *link, FILE *out)
{
    char text[2][BUDGET_TEXT];
    if (link_is_on(link))
        fprintf(out, "caplay: link %.10g Mb/s, %s: %" PRIu64 " bytes, the longest time on it %s\n",
                (double)link->bits_per_s / 1e6, budget_show(link->propagation_ns, text[0]), link->bytes,
                budget_show(link->longest_ns, text[1]));
}

void report_print(const struct server *s)
{
    const struct sim_counts *counts = &s->sim.counts;
    fprintf(stderr,
            "caplay: served %" PRIu64 " circuits, %" PRIu64 " channels, %" PRIu64 " searches (%" PRIu64 " repeated, %" PRIu64
            " lost by the kernel, which granted %" PRIu64 " bytes for them)\n",
            counts->circuits, counts->channels, counts->searches, counts->repeated_searches, udp_drops(s), udp_buffer_bytes(s));
    if (counts->posts > 0)
        fprintf(stderr, "caplay: posted %" PRIu64 " times, %" PRIu64 " updates sent, %" PRIu64 " merged\n", counts->posts,
                counts->sent, counts->merged);
    latency_print(&s->sim.latency, stderr);
    link_print(&s->sim.link, stderr);
    for (unsigned i = 0; i < SIM_OWNERS; i++)
        print_owner(lateness_owners[i], &s->sim.late.of[i]);
    if (s->arrivals.read > 0)
        fprintf(stderr, "caplay: %" PRIu64 " of %" PRIu64 " reads had no kernel stamp: delays count from the read\n",
                s->arrivals.read, s->arrivals.read + s->arrivals.kernel);
}

/* A command that failed in an invalid run says nothing either: 3 stands above its exit code, which is told. */
int verdict_exit_code(const struct server *s)
{
    char why[VERDICT_TEXT];
    if (verdict(s, why))
        return s->exit_code;
    fprintf(stderr, "caplay: INVALID run: %s\n", why);
    if (!s->budget.is_given)
        return s->exit_code;
    if (s->exit_code != 0)
        fprintf(stderr, "caplay: the command's exit code was %d\n", s->exit_code);
    return DIAG_INVALID;
}
