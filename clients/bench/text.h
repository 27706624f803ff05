/* Text tables: cells are added row by row, and printed with columns as wide as they need. The first column is flush left, the
 * others flush right. */
#ifndef CAPLAY_CLIENTS_BENCH_TEXT_H
#define CAPLAY_CLIENTS_BENCH_TEXT_H

#include <stddef.h>
#include <stdio.h>

#define TEXT_COLUMNS 20
#define TEXT_ROWS    80
#define TEXT_CELL    56

struct text_table {
    char cell[TEXT_ROWS][TEXT_COLUMNS][TEXT_CELL];
    unsigned rows, columns; /* columns: of the widest row */
    unsigned column;        /* where the next cell goes */
};

void text_begin(struct text_table *t);

/* Further cells are dropped where the table is full. */
void text_cell(struct text_table *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_row(struct text_table *t);                                       /* the row is complete */
void text_heads(struct text_table *t, const char *const *heads, size_t n); /* a row of them */

/* The first row is underlined. */
void text_print(const struct text_table *t, FILE *out);

/* "28.4 ms", "309 us", "-" for NAN; returns `into`. */
#define TEXT_NUMBER 24
const char *text_seconds(double s, char into[TEXT_NUMBER]);
#define TEXT_SPREAD 48
const char *text_spread(double q1, double median, double q3, char into[TEXT_SPREAD]); /* "28.1 [27.9, 30.2] ms" */
const char *text_bytes(double bytes, char into[TEXT_NUMBER]);                         /* "41.2 MB" */
const char *text_count(double count, char into[TEXT_NUMBER]);                         /* "12,300" */

/* Text that was cut to fit may end within a character of UTF-8: what there is of that one goes. */
void text_mend_cut(char *text);

#endif
