/* Which client of a pair to take, and how sure that is. */
#include "clients/bench/field.h"
#include "clients/bench/page.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* "+12.3 us [11.0, 13.5] us" */
static void cell_difference(struct text_table *t, const struct field_word *w)
{
    char text[3][TEXT_NUMBER];
    const struct infer_interval *d = &w->difference;
    if (isinf(d->low))
        text_cell(t, "%s%s", d->value >= 0 ? "+" : "", text_seconds(d->value, text[0]));
    else
        text_cell(t, "%s%s [%s, %s]", d->value >= 0 ? "+" : "", text_seconds(d->value, text[0]), text_seconds(d->low, text[1]),
                  text_seconds(d->high, text[2]));
}

/* "slower", "undecided (needs about 12 more runs)", "undecided (near the limit)" */
static void cell_word(struct text_table *t, const struct field_word *w)
{
    if (w->near)
        text_cell(t, "undecided (near the limit)");
    else if (w->word == INFER_UNDECIDED)
        text_cell(t, "undecided (needs about %u more run%s)", w->more, w->more == 1 ? "" : "s");
    else
        text_cell(t, "%s", infer_verdict_names[w->word]);
}

static void row_words(struct page *p, const struct field_pair *pair)
{
    text_cell(&p->table, "%s beside %s", p->r->clients[pair->second].name, p->r->clients[pair->first].name);
    for (unsigned f = 0; f < FIELD_FIGURES; f++) {
        if (f != FIELD_APPLICATION)
            cell_difference(&p->table, &pair->figure[f]);
        cell_word(&p->table, &pair->figure[f]);
    }
    text_row(&p->table);
}

static void row_choice(struct page *p, const struct field_pair *pair)
{
    const struct bench_client *a = &p->r->clients[pair->first], *b = &p->r->clients[pair->second];
    struct bench_verdict v;
    char text[TEXT_NUMBER];
    bench_judge(&pair->cost[0], &pair->cost[1], &v);
    const char *const names[] = {a->name, b->name, a->simpler > b->simpler ? a->name : b->name, "either"};
    static const char *const why[] = {"faster", "faster", "simpler", "undecided"};
    const enum field_choice choice = field_choose(pair);
    text_cell(&p->table, "%s, %s", a->name, b->name);
    text_cell(&p->table, "%s", names[choice]);
    text_cell(&p->table, "%s", why[choice]);
    text_cell(&p->table, "%s", v.faster == BENCH_FIRST ? a->name : b->name);
    text_cell(&p->table, "%s", text_count(ceil(v.worth_pvs), text));
    text_row(&p->table);
}

static void print_table(struct page *p, const char *const *heads, size_t n, const struct field_pair *pairs, unsigned npairs,
                        void (*row)(struct page *, const struct field_pair *))
{
    text_begin(&p->table);
    text_heads(&p->table, heads, n);
    for (unsigned i = 0; i < npairs; i++)
        row(p, &pairs[i]);
    text_print(&p->table, p->out);
}

void page_verdicts(struct page *p)
{
    static const char *const words[] = {"pair", "connect, a PV [95%]", "connect", "get 1, a PV [95%]", "get", "application"};
    static const char *const choices[] = {"pair", "take", "because", "faster here", "worth it from PVs"};
    struct field_pair *pairs = calloc(FIELD_PAIRS_MAX, sizeof *pairs);
    const unsigned n = pairs != NULL ? field_judge(p->r, p->server, pairs) : 0;
    if (n > 0) {
        fprintf(p->out,
                "Verdicts: an application holds 10,000 PVs and reads 1%% of them; 1 s more is not acceptable. So the second of a "
                "pair\n"
                "is slower where it surely takes over 100 us a PV more to connect, 10 ms a PV to get, or both together 1 s; "
                "equivalent\n"
                "where it surely takes no more and no less than that (95%%; of %u comparisons by Holm); and undecided within "
                "%.0f%% of it\n",
                n * FIELD_FIGURES, 100 * (FIELD_NEAR - 1));
        print_table(p, words, COUNT(words), pairs, n, row_words);
        fprintf(p->out, "Choice: the faster where a word says so; where all are equivalent the simpler to use\n");
        print_table(p, choices, COUNT(choices), pairs, n, row_choice);
    }
    free(pairs);
}

/* ---- the end ---- */

/* The word of `row` beside `column`; NULL: they are no pair. */
static const struct field_word *find_word(const struct field_pair *pairs, unsigned n, unsigned row, unsigned column)
{
    for (unsigned i = 0; i < n; i++)
        if (pairs[i].first == column && pairs[i].second == row)
            return &pairs[i].figure[FIELD_APPLICATION];
    return NULL;
}

static void row_matrix(struct page *p, const struct field_pair *pairs, unsigned n, unsigned row)
{
    text_cell(&p->table, "%s", p->r->clients[row].name);
    for (unsigned column = 0; column < p->r->nclients; column++) {
        const struct field_word *w = find_word(pairs, n, row, column);
        if (w == NULL)
            text_cell(&p->table, " ");
        else
            cell_word(&p->table, w);
    }
    text_row(&p->table);
}

void page_matrix(struct page *p)
{
    struct field_pair *pairs = calloc(FIELD_PAIRS_MAX, sizeof *pairs);
    const unsigned n = pairs != NULL ? field_judge(p->r, p->server, pairs) : 0;
    if (n > 0) {
        fprintf(p->out, "Verdict on %s: an application with the client of the row is, beside that of the column\n",
                p->r->servers[p->server].name);
        text_begin(&p->table);
        text_cell(&p->table, " ");
        for (unsigned c = 0; c < p->r->nclients; c++)
            text_cell(&p->table, "%s", p->r->clients[c].name);
        text_row(&p->table);
        for (unsigned c = 0; c < p->r->nclients; c++)
            row_matrix(p, pairs, n, c);
        text_print(&p->table, p->out);
    }
    free(pairs);
}
