/* What a recording lacks, each loss at its place: the table that a writer keeps, and what readers make of it. Rule: FORMAT.md,
 * "LOSSES". */
#ifndef CAPLAY_TRACES_LOSSES_H
#define CAPLAY_TRACES_LOSSES_H

#include "traces/array.h"
#include "traces/journal.h"

/* ---- writing ---- */

struct losses {                     /* a zeroed one is empty */
    struct array records;           /* of struct trace_loss */
    struct journal_changes changed; /* since the journal's last chunk */
};

/* As trace_writer_loss() and trace_writer_loss_on(). false: no memory. */
bool losses_add(struct losses *l, const struct trace_loss *loss);
bool losses_add_on(struct losses *l, const struct trace_loss *loss, uint64_t within_ns);

/* By time, and what is of one time in an order of its own: whoever adds the same losses gets the same table. */
void losses_sort(struct losses *l);
void losses_fini(struct losses *l);

/* ---- reading ---- */

/* "gap"; "unknown" for a kind of a newer version. */
const char *losses_kind(unsigned kind);

/* Whose words are lost: "client", "server"; NULL: of both, or it is not known. */
const char *losses_sender(const struct trace_loss *loss);

/* One loss more. */
void losses_add_up(struct trace_missing *sum, const struct trace_loss *loss);

/* What these losses add up to; members that count no loss are 0. */
struct trace_missing losses_sum(const struct trace_loss *losses, uint32_t n);

/* What of a trace's report has no place among its losses: there were more than TRACE_LOSSES_MAX, or the trace is of an older
 * version. All 0 where each has one. */
struct trace_missing losses_unplaced(const struct trace *t);

#endif
