/* Random dialogues: made, run, and, where the servers differ, shrunk and printed. */
#include "clients/validate/generate.h"
#include "clients/validate/validate.h"

#include <stdlib.h>
#include <string.h>

#define REQUESTS_EACH 60
#define FAULTS_MAX    3 /* shrunk and printed; then it stops */

int validate_text(struct validate *v, const char *text, struct validate_fault *fault, struct diag *diag)
{
    struct script script;
    if (script_parse("random", text, &script, diag) < 0)
        return -1;
    int result = validate_dialogue(v, &script, fault, diag);
    script_free(&script);
    return result;
}

int validate_restart(struct validate *v, struct diag *diag)
{
    bool is_ours[VALIDATE_SERVERS];
    int result = 0;
    for (unsigned i = 0; i < v->nservers; i++) {
        is_ours[i] = v->server[i].pid > 0;
        served_ask_to_stop(&v->server[i]);
    }
    for (unsigned i = 0; i < v->nservers && result == 0; i++) {
        served_stop(&v->server[i]);
        if (is_ours[i])
            result = served_start(v->server[i].name, &v->server[i], diag);
    }
    for (unsigned i = 0; i < v->nservers && result == 0; i++)
        result = is_ours[i] ? served_wait(&v->server[i], diag) : 0;
    return result;
}

/* What the servers have heard since they were started. */
struct history {
    FILE *out;
    char *text;
    size_t n;
};

static int history_begin(struct history *h, struct diag *diag)
{
    if (h->out != NULL)
        fclose(h->out);
    free(h->text);
    *h = (struct history){.out = NULL};
    h->out = open_memstream(&h->text, &h->n);
    return h->out != NULL ? 0 : diag_errno(diag, DIAG_ENVIRONMENT, "open_memstream");
}

static void history_end(struct history *h)
{
    if (h->out != NULL)
        fclose(h->out);
    free(h->text);
}

/* The shortest dialogue with the fault: of this one if it does it alone, else of all since the servers were started. */
static int shrink(struct validate *v, const char *text, struct history *h, const struct validate_fault *fault, char **shortest,
                  struct diag *diag)
{
    int result = validate_shrink(v, text, fault, shortest, diag);
    if (result < 0 || *shortest != NULL)
        return result;
    fputs(text, h->out);
    fflush(h->out);
    return validate_shrink(v, h->text, fault, shortest, diag);
}

/* A fault was found: print the shortest dialogue that has it, and what both say to it. Then on with fresh servers, so that one
 * fault does not lead to the next. said: what was printed when it was found. */
static int show_fault(struct validate *v, const char *text, struct history *h, const char *said, struct validate_fault *fault,
                      struct diag *diag)
{
    struct validate_fault last = {.text = ""};
    char *shortest;
    if (shrink(v, text, h, fault, &shortest, diag) < 0 || validate_restart(v, diag) < 0)
        return -1;
    if (shortest == NULL) {
        printf("---- a fault (%s) that did not come again with fresh servers; all of the dialogue: ----\n%s----\n%s", fault->text,
               text, said);
        v->differences++;
        return 0;
    }
    printf("---- the shortest dialogue with this fault (%s) ----\n%s----\n", fault->text, shortest);
    int result = validate_text(v, shortest, &last, diag);
    free(shortest);
    return result < 0 ? result : validate_restart(v, diag);
}

/* One random dialogue. What is wrong with it is printed later, for the shortest one. */
static int run_one(struct validate *v, const char *text, struct history *h, bool *has_fault, struct diag *diag)
{
    struct validate before = *v;
    struct validate_fault fault;
    char *said = NULL;
    size_t n = 0;
    v->out = open_memstream(&said, &n);
    if (v->out == NULL)
        return diag_errno(diag, DIAG_ENVIRONMENT, "open_memstream");
    int result = validate_text(v, text, &fault, diag);
    fclose(v->out);
    v->out = before.out;
    *has_fault = result == 0 && fault.text[0] != '\0';
    if (*has_fault) {
        v->differences = before.differences;
        v->breaches = before.breaches;
        result = show_fault(v, text, h, said, &fault, diag);
        fflush(stdout);
        if (result == 0)
            result = history_begin(h, diag);
    } else {
        fprintf(h->out, "%s%s", text, VALIDATE_NEXT);
    }
    free(said);
    return result;
}

/* ---- a recording ---- */

static bool know_all(const struct validate *v, const char *name)
{
    for (unsigned i = 0; i < v->nservers; i++) {
        const struct served *s = &v->server[i];
        const struct converse_server to = {.address = s->address, .udp_port = s->udp_port, .tcp_port = s->tcp_port};
        uint16_t port;
        if (!converse_find(&to, name, &port))
            return false;
    }
    return true;
}

/* Where a server is a replay the dialogues keep to what its recording can answer. */
static int keep_to_recording(const struct validate *v, struct validate_records *records, struct diag *diag)
{
    size_t n = 0;
    for (unsigned i = 0; i < v->nservers; i++)
        records->is_recorded |= strncmp(v->server[i].name, "replay:", 7) == 0;
    if (!records->is_recorded)
        return 0;
    for (size_t i = 0; i < records->n; i++)
        if (!records->at[i].is_disguised && know_all(v, records->at[i].name))
            records->at[n++] = records->at[i];
    records->n = n;
    return n > 0 ? 0 : diag_fail(diag, DIAG_USAGE, "--random: none of the database's records is in the recording");
}

int validate_random(struct validate *v, const struct validate_random *random, struct diag *diag)
{
    struct validate_records records;
    struct history history = {.out = NULL};
    unsigned shown = 0;
    unsigned long end = v->requests + random->requests;
    if (validate_records_read(random->database, &records, diag) < 0)
        return -1;
    int result = keep_to_recording(v, &records, diag);
    if (result == 0)
        result = history_begin(&history, diag);
    for (uint64_t k = 0; v->requests < end && shown < FAULTS_MAX && result == 0; k++) {
        bool has_fault = false;
        char *text = validate_generate(&records, random->seed * 1000003 + k, REQUESTS_EACH);
        result = text != NULL ? run_one(v, text, &history, &has_fault, diag) : diag_fail(diag, DIAG_ENVIRONMENT, "out of memory");
        shown += has_fault;
        free(text);
    }
    history_end(&history);
    validate_records_free(&records);
    if (shown == FAULTS_MAX && v->requests < end)
        printf("stopped after %u random dialogues with a fault\n", shown);
    return result;
}
