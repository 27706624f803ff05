/* `caplay anonymise`: a trace that can be given away. */
#include "traces/command.h"

#include "base/options.h"
#include "traces/edit.h"
#include "traces/fill.h"
#include "traces/scrub.h"
#include "traces/standard.h"

#include <stdio.h>
#include <string.h>

struct anonymise {
    const char *output, *key;
    bool values;
};

static const struct option anonymise_options[] = {
    {"output", 'o', OPTION_STRING, offsetof(struct anonymise, output), "FILE", NULL, 0, 0,
     "the trace to write; -: standard output"},
    {"key", 0, OPTION_STRING, offsetof(struct anonymise, key), "KEYFILE", NULL, 0, 0,
     "16 to 512 secret bytes: the same names in all traces (default: random, then gone)"},
    {"values", 0, OPTION_FLAG, offsetof(struct anonymise, values), NULL, NULL, 0, 0,
     "replace numbers, enum states, units and limits, too"},
};

static const struct option_command anonymise_command = {
    .name = "anonymise",
    .synopsis = "FILE -o FILE [--key KEYFILE] [--values]",
    .about =
        "Replaces names of PVs, hosts and users, IPv4 addresses and all texts (strings, enum labels, CHAR arrays that hold "
        "text)\n"
        "by a keyed hash, in tables and messages alike. A name keeps its length, separators and field (.RBV, {filters}), and\n"
        "names that begin alike go on doing so; addresses become 10.x.y.z. So all sizes, times and rates stay, and the result\n"
        "replays. Padding, source and checksum of the capture are cleared. Times, ports, alarms and counts stay.\n\n"
        "Numbers stay unless --values is given: then equal values become equal other ones. docs/tools.md says what remains.",
    .examples = "caplay anonymise run.catrace -o share.catrace\n"
                "head -c 32 /dev/urandom > my.key; caplay anonymise --key my.key --values run.catrace -o share.catrace",
    .options = anonymise_options,
    .noptions = sizeof anonymise_options / sizeof *anonymise_options,
    .min_operands = 1,
    .max_operands = 1,
};

static void on_name(void *arg, enum copy_text what, const char *text, char *renamed, size_t room)
{
    struct scrub *s = arg;
    snprintf(renamed, room, "%s", text);
    (what == COPY_PV ? pseudonym_text : pseudonym_whole)(s->keyed, renamed, strlen(renamed)); /* hosts and users have no fields */
}

static uint32_t on_address(void *arg, uint32_t address)
{
    return scrub_address(arg, address);
}

static void on_event(void *arg, struct trace_event *e, uint8_t *payload)
{
    scrub_event(arg, e, payload);
}

static int write_copy(const struct trace *t, struct scrub *s, const char *output, struct diag *diag)
{
    const struct copy rules = {.to_ns = UINT64_MAX, .rename = on_name, .address = on_address, .scrub = on_event, .arg = s};
    struct trace_meta meta = edit_meta(t);
    meta.source = fill_is_snapshot(t) ? FILL_SOURCE : "anonymised"; /* merge must know it again */
    meta.sha256 = "";
    struct trace_writer *w = trace_writer_open(output, diag);
    if (w == NULL)
        return -1;
    int result = copy_trace(t, &rules, w, diag);
    if (result == 0 && (keyed_failed(s->keyed) || s->failed))
        result = diag_fail(diag, DIAG_ENVIRONMENT, "%s", s->failed ? "no memory for addresses" : "libcrypto failed");
    if (result < 0) {
        trace_writer_abandon(w);
        return -1;
    }
    return trace_writer_finish(w, &meta, diag) < 0 ? -1 : DIAG_GOOD;
}

static void tell(const struct anonymise *a, const struct scrub *s)
{
    if (a->key == NULL)
        fprintf(stderr, "caplay: the key was random and is gone: other traces get other names (--key FILE keeps them)\n");
    if (s->nmoved > 0)
        fprintf(stderr, "caplay: %u of %u addresses had the hash of another one: other traces may have them elsewhere\n",
                s->nmoved, s->naddresses);
}

int traces_anonymise(int argc, char **argv, struct diag *diag)
{
    struct anonymise a = {0};
    struct option_result result;
    struct trace t;
    if (options_parse(&anonymise_command, argc, argv, &a, &result, diag) < 0)
        return -1;
    if (result.help)
        return DIAG_GOOD;
    if (edit_check("anonymise", a.output, result.operands.at, 1, diag) < 0 || edit_open(&t, result.operands.at[0], diag) < 0)
        return -1;
    struct scrub s = {.keyed = keyed_new(a.key, diag), .values = a.values};
    struct standard_output standard = {0};
    const char *output = s.keyed != NULL ? standard_output(&standard, a.output, diag) : NULL;
    int code = standard_deliver(&standard, output != NULL ? write_copy(&t, &s, output, diag) : -1, diag);
    if (code == DIAG_GOOD)
        tell(&a, &s);
    keyed_free(s.keyed);
    scrub_fini(&s);
    trace_close(&t);
    return code;
}
