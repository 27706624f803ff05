/* The gates of `caplay compare`: which rows of two results hold, and by which rule. */
#ifndef CAPLAY_CLIENTS_COMPARE_GATE_H
#define CAPLAY_CLIENTS_COMPARE_GATE_H

#include "base/options.h"
#include "clients/bench/infer.h"

enum gate_kind { GATE_COUNTS, GATE_RATIO, GATE_INTERVAL, GATE_FIELD, GATE_KINDS };
extern const char *const gate_names[GATE_KINDS];

/* Of the interval of the low quantiles, which no rank test confirms: 95% of ten rows at once, by Bonferroni. */
#define GATE_QUICK_LEVEL 0.995

/* Fewer runs have less than two below their first decile: it is their least one, and drawing again does not tell how sure that
 * is. */
#define GATE_QUICK_MIN 20u

/* What is no difference to the interval gate: a tenth. */
#define GATE_TOLERANCE 1.10

/* Less than this is not told from nothing: one slice of the kernel's scheduler (2.8 ms by default on 8 cores, less on fewer),
 * which a process that shares its core may wait for at any wake-up. Measured: with 50 us, timer slack alone, the first get of a
 * client was "slower" than itself once in 13 comparisons under load. */
#define GATE_FLOOR_S 3e-3

struct gates {
    bool on[GATE_KINDS];
    double ratio;     /* GATE_RATIO */
    double tolerance; /* GATE_INTERVAL */
};

/* Of "--gate" options; none given: counts and interval. -1 with DIAG_USAGE. */
int gates_parse(const struct option_list *list, struct gates *gates, struct diag *diag);

/* ---- a row ---- */

enum figure_kind { FIGURE_CONNECT, FIGURE_READ, FIGURE_CPU, FIGURE_LOAD, FIGURE_COUNT };

/* What a row is judged from. Values are seconds, of a load percent, of a count its number. */
struct gate_input {
    enum figure_kind kind;
    struct infer_samples base, fresh;
    double pvs;     /* that the value is for: connected, read */
    double floor_s; /* our own lateness */
};

/* QUICK: the first deciles tell it, the medians do not. BUSY: the medians tell it, and the first deciles do not. */
enum gate_reason { REASON_NONE, REASON_QUICK, REASON_FIELD, REASON_FLOOR, REASON_HOLM, REASON_BUSY };

struct gate_verdict {
    struct infer_interval ratio, quick, difference; /* quick: the ratio of the first deciles */
    double p, p_alone;                              /* two-sided, of a change; p: gates_correct() makes it Holm's */
    size_t looks;                                   /* rows that were corrected for at once */
    enum infer_verdict word;
    enum gate_reason reason;
    unsigned more; /* runs that are needed, if undecided */
};

void gate_measure(const struct gate_input *in, unsigned long seed, struct gate_verdict *v);

/* Over all rows at once, then each row's word. */
void gates_correct(struct gate_verdict *const *rows, size_t n);
void gate_judge_interval(const struct gate_input *in, double tolerance, struct gate_verdict *v);
void gate_judge_ratio(double limit, struct gate_verdict *v);
void gate_judge_field(const struct gate_input *in, struct gate_verdict *v);

/* ---- counts ---- */

/* How well a count repeats, found from the runs themselves. Fewer than INFER_SAMPLES_MIN runs: noisy. */
enum gate_repeat { REPEAT_EXACT, REPEAT_1_PERCENT, REPEAT_NOISY };
extern const char *const gate_repeat_names[3];

enum gate_repeat gate_repeat(struct infer_samples s);

/* Exact counts must be equal, and those within 1% be within 1% of each other; noisy ones are shown and not judged. */
enum infer_verdict gate_judge_count(struct infer_samples base, struct infer_samples fresh, enum gate_repeat *repeat);

#endif
