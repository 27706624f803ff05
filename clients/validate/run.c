/* One dialogue on every server, and what is printed about it. */
#include "clients/validate/validate.h"

#include <stdlib.h>
#include <string.h>

#define HEX_SHOWN 64

struct outcome {
    struct validate *v;
    const struct script *script;
    struct transcript said[VALIDATE_SERVERS];
    FILE *out;
    struct validate_fault *fault;
    size_t shown_block; /* + 1: the last block whose transcripts were printed */
    bool *accepted;     /* by block: it has an accepted difference */
};

/* ---- print ---- */

static void print_hex(FILE *out, const struct turn *turn)
{
    fprintf(out, "        ");
    for (size_t i = 0; i < turn->size && i < HEX_SHOWN; i++)
        fprintf(out, "%s%02x", i % 4 == 0 ? " " : "", turn->bytes[i]);
    fprintf(out, "%s\n", turn->size > HEX_SHOWN ? " ..." : "");
}

static void print_side(const struct outcome *o, unsigned server, size_t block)
{
    const struct transcript *t = &o->said[server];
    bool is_silent = true;
    fprintf(o->out, "  %s\n", o->v->server[server].name);
    for (size_t i = 0; i < t->n; i++) {
        const struct turn *turn = &t->turns[i];
        if (turn->block != block)
            continue;
        is_silent = false;
        fprintf(o->out, "    %s< %s\n", turn->place == 0 ? "" : script_place_name(turn->place), turn->text);
        if (turn->bytes != NULL)
            print_hex(o->out, turn);
    }
    if (is_silent)
        fprintf(o->out, "    < nothing\n");
}

/* The block's requests and what each server said to them, once. */
static void print_block(struct outcome *o, size_t block)
{
    if (o->shown_block == block + 1)
        return;
    o->shown_block = block + 1;
    script_print_requests(o->script, &o->script->blocks[block], "    ", o->out);
    for (unsigned i = 0; i < o->v->nservers; i++)
        print_side(o, i, block);
}

/* ---- judge ---- */

static void on_difference(const struct judge_difference *d, void *arg)
{
    struct outcome *o = arg;
    bool is_accepted = validate_list_accepts(&o->v->accepted, o->v->dialogue, d);
    if (is_accepted) {
        o->accepted[d->block] = true;
        o->v->accepts += o->out != NULL;
        return;
    }
    if (o->fault->text[0] == '\0')
        snprintf(o->fault->text, sizeof o->fault->text, "%s %s", d->command, d->fields);
    if (o->out == NULL)
        return;
    o->v->differences++;
    fprintf(o->out, "DIFFERENCE %s line %u: %s %s\n", o->v->dialogue, o->script->blocks[d->block].line, d->command, d->fields);
    print_block(o, d->block);
}

struct check {
    struct outcome *outcome;
    unsigned server;
};

static void on_breach(const struct judge_breach *breach, void *arg)
{
    struct check *check = arg;
    struct outcome *o = check->outcome;
    if (o->accepted[breach->block])
        return;
    if (o->fault->text[0] == '\0')
        snprintf(o->fault->text, sizeof o->fault->text, "statement");
    if (o->out == NULL)
        return;
    o->v->breaches++;
    unsigned line = breach->stated != NULL ? breach->stated->line : o->script->blocks[breach->block].line;
    fprintf(o->out, "NOT AS STATED %s line %u by %s\n", o->v->dialogue, line, o->v->server[check->server].name);
    fprintf(o->out, "    stated: %s\n      came: %s\n", breach->stated != NULL ? breach->stated->text : "nothing more",
            breach->came != NULL ? breach->came->text : "nothing");
    print_block(o, breach->block);
}

static void judge(struct outcome *o)
{
    if (o->v->nservers == 2)
        judge_compare(&o->said[0], &o->said[1], on_difference, o);
    for (unsigned i = 0; i < o->v->nservers; i++)
        judge_check(o->script, &o->said[i], on_breach, &(struct check){.outcome = o, .server = i});
}

static int converse_all(struct outcome *o, unsigned *n, struct diag *diag)
{
    for (*n = 0; *n < o->v->nservers; ++*n) {
        const struct served *s = &o->v->server[*n];
        struct converse_server to = {.address = s->address, .udp_port = s->udp_port, .tcp_port = s->tcp_port};
        if (converse(o->script, &to, &o->said[*n], diag) < 0)
            return -1;
        if (served_is_gone(s)) {
            transcript_fini(&o->said[*n]);
            return diag_fail(diag, DIAG_DIFFERENCE, "%s died in %s", s->name, o->script->name);
        }
    }
    return 0;
}

static void show_all(struct outcome *o)
{
    fprintf(o->out, "%s: %s\n", o->v->dialogue, o->script->title != NULL ? o->script->title : "");
    for (size_t i = 0; i < o->script->nblocks; i++) {
        fprintf(o->out, "  line %u\n", o->script->blocks[i].line);
        print_block(o, i);
    }
}

int validate_dialogue(struct validate *v, const struct script *script, struct validate_fault *fault, struct diag *diag)
{
    struct outcome o = {.v = v, .script = script, .out = v->out, .fault = fault};
    fault->text[0] = '\0';
    unsigned n = 0;
    o.accepted = calloc(script->nblocks + 1, sizeof *o.accepted);
    int result = o.accepted != NULL ? converse_all(&o, &n, diag) : diag_fail(diag, DIAG_ENVIRONMENT, "out of memory");
    if (result == 0 && v->out != NULL && v->show)
        show_all(&o);
    o.shown_block = 0;
    if (result == 0)
        judge(&o);
    for (unsigned i = 0; i < n; i++)
        transcript_fini(&o.said[i]);
    free(o.accepted);
    if (v->out != NULL) {
        v->dialogues++;
        for (size_t i = 0; i < script->nblocks; i++)
            v->requests += script->blocks[i].nrequests;
    }
    return result;
}
