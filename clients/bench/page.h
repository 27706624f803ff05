/* The pages of a benchmark's tables: one a server. */
#ifndef CAPLAY_CLIENTS_BENCH_PAGE_H
#define CAPLAY_CLIENTS_BENCH_PAGE_H

#include "clients/bench/cells.h"
#include "clients/bench/text.h"

struct page {
    const struct bench_result *r;
    unsigned server;
    FILE *out;
    struct text_table table; /* scratch */
};

void page_connects(struct page *p);
void page_verdicts(struct page *p);
void page_matrix(struct page *p); /* at the end: a word a pair */
void page_counts(struct page *p);
void page_stages(struct page *p, const struct bench_step *step);
void page_monitors(struct page *p);

/* Cells: "-" for NAN. */
void page_seconds(struct page *p, double s);
void page_bytes(struct page *p, double bytes);

#endif
