#include "traces/losses.h"

#include <stdlib.h>
#include <string.h>

/* How many of the latest losses one can grow among: as many circuits may lose something at once. */
enum { LATEST = 64 };

/* ---- writing ---- */

static struct trace_loss *at(const struct losses *l, uint32_t i)
{
    return (struct trace_loss *)l->records.at + i;
}

bool losses_add(struct losses *l, const struct trace_loss *loss)
{
    if (l->records.count == TRACE_LOSSES_MAX)
        return true;
    struct trace_loss *added = array_add(&l->records, 1, sizeof *added);
    if (added == NULL)
        return false;
    *added = *loss;
    return journal_changed(&l->changed, l->records.count - 1);
}

static bool goes_on(const struct trace_loss *before, const struct trace_loss *loss, uint64_t within_ns)
{
    return before->kind == loss->kind && before->circuit == loss->circuit && before->flags == loss->flags &&
           loss->t_ns >= before->t_ns && (loss->t_ns <= before->until_ns || loss->t_ns - before->until_ns <= within_ns);
}

static void grow(struct trace_loss *before, const struct trace_loss *loss)
{
    before->bytes += loss->bytes;
    before->count += loss->count;
    before->until_ns = loss->until_ns > before->until_ns ? loss->until_ns : before->until_ns;
}

bool losses_add_on(struct losses *l, const struct trace_loss *loss, uint64_t within_ns)
{
    const uint32_t n = l->records.count, first = n > LATEST ? n - LATEST : 0;
    for (uint32_t i = n; i-- > first;)
        if (goes_on(at(l, i), loss, within_ns)) {
            grow(at(l, i), loss);
            return journal_changed(&l->changed, i);
        }
    return losses_add(l, loss);
}

static int compare(uint64_t a, uint64_t b)
{
    return a != b ? (a < b ? -1 : 1) : 0;
}

static int by_time(const void *a, const void *b)
{
    const struct trace_loss *x = a, *y = b;
    const int orders[] = {compare(x->t_ns, y->t_ns),  compare(x->until_ns, y->until_ns), compare(x->circuit, y->circuit),
                          compare(x->kind, y->kind),  compare(x->flags, y->flags),       compare(x->bytes, y->bytes),
                          compare(x->count, y->count)};
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++)
        if (orders[i] != 0)
            return orders[i];
    return 0;
}

void losses_sort(struct losses *l)
{
    if (l->records.count > 0)
        qsort(l->records.at, l->records.count, sizeof(struct trace_loss), by_time);
}

void losses_fini(struct losses *l)
{
    array_fini(&l->records);
    journal_changes_fini(&l->changed);
}

/* ---- reading ---- */

const char *losses_kind(unsigned kind)
{
    static const char *const names[TRACE_LOSS_KINDS] = {
        [TRACE_LOSS_DROPPED] = "dropped",     [TRACE_LOSS_CUT] = "cut",         [TRACE_LOSS_GAP] = "gap",
        [TRACE_LOSS_BEGINNING] = "beginning", [TRACE_LOSS_SKIPPED] = "skipped", [TRACE_LOSS_MIDWAY] = "midway",
        [TRACE_LOSS_MALFORMED] = "malformed"};
    return kind < TRACE_LOSS_KINDS ? names[kind] : "unknown";
}

const char *losses_sender(const struct trace_loss *loss)
{
    if (loss->circuit == TRACE_NONE || loss->kind == TRACE_LOSS_MIDWAY)
        return NULL;
    return loss->flags & TRACE_FROM_SERVER ? "server" : "client";
}

void losses_add_up(struct trace_missing *sum, const struct trace_loss *loss)
{
    switch (loss->kind) {
    case TRACE_LOSS_DROPPED:
        sum->kernel_drops += loss->count;
        break;
    case TRACE_LOSS_CUT:
        sum->cut_packets += loss->count;
        break;
    case TRACE_LOSS_GAP:
        sum->gap_bytes += loss->bytes;
        sum->gaps += loss->count;
        break;
    case TRACE_LOSS_BEGINNING:
        sum->gaps += loss->count;
        break;
    case TRACE_LOSS_SKIPPED:
        sum->gap_bytes += loss->bytes;
        break;
    case TRACE_LOSS_MIDWAY:
        sum->midway += loss->count;
        break;
    case TRACE_LOSS_MALFORMED:
        sum->malformed += loss->count;
        break;
    default:
        break;
    }
}

struct trace_missing losses_sum(const struct trace_loss *losses, uint32_t n)
{
    struct trace_missing sum = {0};
    for (uint32_t i = 0; i < n; i++)
        losses_add_up(&sum, &losses[i]);
    return sum;
}

static uint64_t rest(uint64_t all, uint64_t placed)
{
    return all > placed ? all - placed : 0;
}

struct trace_missing losses_unplaced(const struct trace *t)
{
    const struct trace_missing *m = &t->missing, placed = losses_sum(t->losses, t->nlosses);
    return (struct trace_missing){.kernel_drops = rest(m->kernel_drops, placed.kernel_drops),
                                  .cut_packets = rest(m->cut_packets, placed.cut_packets),
                                  .gaps = rest(m->gaps, placed.gaps),
                                  .gap_bytes = rest(m->gap_bytes, placed.gap_bytes),
                                  .midway = rest(m->midway, placed.midway),
                                  .malformed = rest(m->malformed, placed.malformed)};
}
