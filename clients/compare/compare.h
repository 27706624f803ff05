/* Two results side by side: a row for each figure and gate, what went wrong in either, and what follows from all of it. */
#ifndef CAPLAY_CLIENTS_COMPARE_COMPARE_H
#define CAPLAY_CLIENTS_COMPARE_COMPARE_H

#include "clients/compare/gate.h"
#include "clients/compare/result.h"

#include <stdio.h>

struct compare_row {
    const char *step, *server, *client, *figure; /* borrowed; as the new result has them */
    enum gate_kind gate;
    enum gate_repeat repeat; /* GATE_COUNTS */
    struct gate_input in;    /* its samples are ours */
    struct gate_verdict v;
};

/* A client that is missing or broken, a run that is invalid: why a result cannot decide. */
struct compare_problem {
    enum diag_exit code;
    char text[400];
};

#define COMPARE_PROBLEMS 64

struct compare {
    const struct result *base, *fresh;
    struct gates gates;
    struct compare_row *rows;
    size_t nrows, room;
    struct compare_problem problems[COMPARE_PROBLEMS];
    unsigned nproblems; /* of several, those with the same code from one file are one */
};

/* Rows and problems. -1 with DIAG_USAGE: they measured other scenarios, or (without force) other servers or clients. */
int compare_make(struct compare *c, bool force, struct diag *diag);
void compare_free(struct compare *c);

/* "slower", "faster"...: how many rows say so. */
unsigned compare_count(const struct compare *c, enum infer_verdict word);

/* 5 (a client is missing) before 3 (invalid, undecided) before 4 (a client is broken) before 1 (slower) before 0. */
enum diag_exit compare_exit(const struct compare *c);

/* One line without its end: "slower: libca on sim, connect 1000 PVs: connect_s x1.21 [1.20, 1.22]; ...". */
void compare_line(const struct compare *c, char *line, size_t room);

/* "x1.21 [1.20, 1.22]", and what is to be said of a row beside its word. */
#define COMPARE_TEXT 120
const char *compare_change(const struct compare_row *row, char into[COMPARE_TEXT]);
const char *compare_remark(const struct compare_row *row, char into[COMPARE_TEXT]);

void compare_print(const struct compare *c, FILE *out);
void compare_markdown(const struct compare *c, FILE *out);
void compare_junit(const struct compare *c, FILE *out);

#endif
