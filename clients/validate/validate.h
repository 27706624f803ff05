/* Inside validate*.c: the parts of `caplay validate`. */
#ifndef CAPLAY_CLIENTS_VALIDATE_H
#define CAPLAY_CLIENTS_VALIDATE_H

#include "clients/served.h"
#include "replay/converse.h"
#include "replay/judge.h"

#include <stdbool.h>

/* ---- differences that are accepted ---- */

/* One reviewed difference: a line "COMMAND FIELD DIALOGUE: REASON". */
struct validate_accepted {
    char command[32], field[32], dialogue[64]; /* dialogue: the file's name without .dlg, or "random" */
    char reason[200];
    unsigned line, used;
};

struct validate_list {
    struct validate_accepted *at;
    size_t n;
};

/* 0, or -1 with DIAG_USAGE that names the line. A NULL path is an empty list. */
int validate_list_read(const char *path, struct validate_list *list, struct diag *diag);
void validate_list_free(struct validate_list *list);

/* Are all fields of the difference accepted in this dialogue? Counts their use. */
bool validate_list_accepts(struct validate_list *list, const char *dialogue, const struct judge_difference *difference);

/* ---- one run ---- */

#define VALIDATE_SERVERS 2

struct validate {
    struct served server[VALIDATE_SERVERS];
    unsigned nservers;
    struct validate_list accepted;
    unsigned long dialogues, skipped, requests, differences, accepts, breaches;
    const char *dialogue; /* the name of the one that runs */
    bool show;            /* print what every server says, also where nothing is wrong */
    FILE *out;            /* what is wrong goes here and is counted; NULL: neither */
};

/* What is wrong in a dialogue: the first difference that is not accepted, "READ_NOTIFY status,value"; else "statement" where a
 * server does not keep one; "" if all is well. */
struct validate_fault {
    char text[JUDGE_FIELDS_BYTES + 40];
};

/* Run a dialogue on every server. 0, or -1 with diag. */
int validate_dialogue(struct validate *v, const struct script *script, struct validate_fault *fault, struct diag *diag);

/* ---- random dialogues ---- */

struct validate_random {
    const char *database; /* whose records are used */
    unsigned long requests;
    uint64_t seed;
};

int validate_random(struct validate *v, const struct validate_random *random, struct diag *diag);

/* Between two random dialogues in one text. */
#define VALIDATE_NEXT "close A\nclose B\n# next\n"

/* The shortest dialogue with the same fault that is made of lines of this one, each time with fresh servers. *shortest is a new
 * text, for free(), or NULL if the fault does not come again. 0, or -1 with diag. */
int validate_shrink(struct validate *v, const char *text, const struct validate_fault *fault, char **shortest, struct diag *diag);

/* Parse and run a random dialogue. */
int validate_text(struct validate *v, const char *text, struct validate_fault *fault, struct diag *diag);

/* Start those servers anew that are ours. */
int validate_restart(struct validate *v, struct diag *diag);

#endif
