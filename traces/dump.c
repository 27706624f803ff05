/* `caplay dump`: one line a message. */
#include "traces/dump.h"

#include "base/options.h"
#include "traces/command.h"
#include "traces/edit.h"
#include "traces/reach.h"
#include "traces/show.h"
#include "traces/standard.h"
#include "traces/twin.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum format { TEXT, JSONL, CSV, TWIN };
enum { AT_ONCE = 4096 }; /* messages that are checked before the first of them is printed */

static const char *const formats[] = {"text", "jsonl", "csv", "twin", NULL};

struct dump {
    unsigned format;
    const char *pv, *elements;
    uint32_t most;    /* elements of an array that are shown */
    uint64_t circuit; /* UINT64_MAX: all */
    struct option_list commands;
    uint64_t from_ns, to_ns; /* of time of the trace: from <= t < to */
};

static const struct option dump_options[] = {
    {"format", 0, OPTION_CHOICE, offsetof(struct dump, format), "FORMAT", formats, 0, 0,
     "text, jsonl, csv or twin (default text)"},
    {"elements", 0, OPTION_STRING, offsetof(struct dump, elements), "N|all", NULL, 0, 0, "show so many elements of an array (8)"},
    {"pv", 0, OPTION_STRING, offsetof(struct dump, pv), "GLOB", NULL, 0, 0, "only messages of PVs whose name matches: 'SIM:*'"},
    {"circuit", 0, OPTION_COUNT, offsetof(struct dump, circuit), "N", NULL, 0, UINT32_MAX,
     "only messages of this circuit, as `caplay info` numbers them"},
    {"command", 0, OPTION_LIST, offsetof(struct dump, commands), "NAME", NULL, 0, 0,
     "only messages of this command, as they are printed: READ_NOTIFY (repeatable)"},
    {"from", 0, OPTION_DURATION, offsetof(struct dump, from_ns), "DURATION", NULL, 0, 0,
     "only messages from this time on, after the first packet (10s)"},
    {"to", 0, OPTION_DURATION, offsetof(struct dump, to_ns), "DURATION", NULL, 1, 0, "only messages before this time (12.5s)"},
};

static const struct option_command dump_command = {
    .name = "dump",
    .synopsis = "FILE [--format text|jsonl|csv|twin] [--pv GLOB] [--circuit N] [--command NAME] [--from T] [--to T]",
    .about =
        "Prints the messages of a trace (-: of standard input) in the order of time, one a line:\n\n"
        "  SECONDS #CIRCUIT ARROW COMMAND PV name=value...\n\n"
        "Seconds count from the first packet. The arrow -> is client to server, <- is server to client. A message that\n"
        "concerns no PV has - in its place, one of a channel whose name was not captured has ? and, where it or its\n"
        "request tells it, the channel's sid. Of an array the first 8 values are shown. `service` is the time from the\n"
        "capture of a request's last byte to that of this reply's first.\n"
        "Where something is missing stands LOSS, with what `caplay info` tells of it; not with --command.\n\n"
        "--format jsonl prints one JSON object a line, with these members:\n"
        "  index, peer        number of the message; that of the request it answers, or of an update's EVENT_ADD; or null\n"
        "  t_ns, span_ns      nanoseconds from the first packet to this message's first byte; from there to its last\n"
        "  circuit            number of the circuit (all UDP of one client's socket counts as one)\n"
        "  from               \"client\" or \"server\"\n"
        "  command, pv        names; a command without a name is a number; pv may be null\n"
        "  size               payload bytes, padding included\n"
        "  type, status       \"TIME_DOUBLE\", \"ECA_NORMAL\"; numbers where they have no name\n"
        "  count, minor, priority, sequence, port, address, beacon, cid, sid, ioid, subid, rights (1 read, 2 write), mask\n"
        "                     what the header and EVENT_ADD's payload hold, where the command has it\n"
        "  p1, p2             header fields of an unknown command\n"
        "  role               of an EVENT_ADD from a server: \"first\", \"update\", \"cancelled\"\n"
        "  aside              said outside the recording's time: \"carried\" over from the part before, \"filled\" in by a "
        "snapshot\n"
        "  about, text        ERROR: the command it is about, and its message; text: also the name in CLIENT_NAME, HOST_NAME\n"
        "  value, elements    the first 8 values (NaN and infinities: null), and how many there are\n"
        "  severity, alarm    numbers as EPICS has them, where the type has them\n"
        "  seconds, nanoseconds   the time stamp, since 1990-01-01 00:00:00 UTC, where the type has it\n"
        "  service_ns         service time of a reply\n"
        "and what is missing, at its time, as\n"
        "  loss, count, bytes \"gap\"..., as `caplay info` has them; with circuit, from (or null)\n"
        "  until_ns           it was lost between t_ns and then\n\n"
        "--format csv has the same as columns (first line: their names), the values in one cell with blanks between, and\n"
        "no losses.\n"
        "--format twin writes all of a trace as text to edit and to keep in git; `caplay compile` makes the same bytes of it\n"
        "(docs/twin.md). It takes no filter: `caplay cut` makes a part of a trace.",
    .examples = "caplay dump run.catrace | less\n"
                "caplay dump --pv 'area-detector:*' --circuit 3 run.catrace\n"
                "caplay dump --command WRITE --command WRITE_NOTIFY --from 10s --to 12.5s run.catrace\n"
                "caplay dump --format jsonl run.catrace | jq 'select(.service_ns > 1000000)'\n"
                "caplay dump --format twin run.catrace > run.jsonl",
    .options = dump_options,
    .noptions = sizeof dump_options / sizeof *dump_options,
    .min_operands = 1,
    .max_operands = 1,
};

static int check_commands(const struct option_list *commands, struct diag *diag)
{
    for (unsigned i = 0; i < commands->count; i++) {
        unsigned command = 0;
        while (command < WIRE_COMMANDS && strcmp(wire_command_name(command), commands->at[i]) != 0)
            command++;
        if (command == WIRE_COMMANDS)
            return diag_fail(diag, DIAG_USAGE, "--command: '%s' is no command of Channel Access: READ_NOTIFY is one",
                             commands->at[i]);
    }
    return 0;
}

static int read_elements(struct dump *dump, struct diag *diag)
{
    uint64_t n = UINT32_MAX;
    if (dump->elements == NULL || strcmp(dump->elements, "all") == 0) {
        dump->most = dump->elements == NULL ? DUMP_ELEMENTS : UINT32_MAX;
        return 0;
    }
    if (options_count(dump->elements, &n) < 0 || n > UINT32_MAX)
        return diag_fail(diag, DIAG_USAGE, "--elements: '%s' is neither all nor a whole number below 2^32 (example: 100)",
                         dump->elements);
    dump->most = (uint32_t)n;
    return 0;
}

/* What is asked for of a trace, and how far it is printed. */
struct asked {
    const struct dump *dump;
    const struct trace *t;
    const bool *pvs;     /* --pv: npvs flags; NULL: all */
    struct reach *reach; /* with --pv, where something is missing */
    uint32_t *concerned; /* room for npvs */
    uint32_t next_loss;
};

static bool is_asked_for(const struct dump *dump, const struct trace_event *e, const bool *pvs)
{
    bool is_command = dump->commands.count == 0;
    for (unsigned i = 0; i < dump->commands.count && !is_command; i++)
        is_command = e->command < WIRE_COMMANDS && strcmp(wire_command_name(e->command), dump->commands.at[i]) == 0;
    return is_command && (dump->circuit == UINT64_MAX || e->circuit == dump->circuit) &&
           (pvs == NULL || (e->pv != TRACE_NONE && pvs[e->pv]));
}

static int print_event(const struct dump *dump, const struct trace *t, uint32_t i, struct diag *diag)
{
    static bool (*const print[])(const struct description *d,
                                 uint32_t most) = {[TEXT] = dump_text, [JSONL] = dump_json, [CSV] = dump_csv};
    struct description d;
    describe(t, i, &d);
    if (!print[dump->format](&d, dump->most) && !show_is_closed())
        return diag_fail(diag, DIAG_ENVIRONMENT, "no memory for message %" PRIu32, i);
    return 0;
}

/* ---- losses ---- */

static bool concerns_any(const struct asked *asked, const struct trace_loss *loss)
{
    uint32_t *pvs = asked->concerned;
    const uint32_t n = reach_pvs(asked->reach, loss, pvs, asked->t->npvs);
    for (uint32_t i = 0; i < n; i++)
        if (asked->pvs[pvs[i]])
            return true;
    return reach_is_any(loss);
}

static bool is_loss_asked_for(const struct asked *asked, const struct trace_loss *loss)
{
    const struct dump *dump = asked->dump;
    if (dump->format == CSV || dump->commands.count > 0 || loss->until_ns < dump->from_ns || loss->t_ns >= dump->to_ns)
        return false;
    return (dump->circuit == UINT64_MAX || loss->circuit == dump->circuit || reach_is_any(loss)) &&
           (asked->pvs == NULL || concerns_any(asked, loss));
}

/* Those from before a time that have not been printed yet. */
static int print_losses(struct asked *asked, uint64_t before_ns, struct diag *diag)
{
    const struct trace *t = asked->t;
    for (; asked->next_loss < t->nlosses && t->losses[asked->next_loss].t_ns < before_ns; asked->next_loss++) {
        const struct trace_loss *loss = &t->losses[asked->next_loss];
        if (!is_loss_asked_for(asked, loss) || show_is_closed())
            continue;
        if (asked->dump->format == TEXT)
            dump_text_loss(loss);
        else if (!dump_json_loss(loss) && !show_is_closed())
            return diag_fail(diag, DIAG_ENVIRONMENT, "no memory for loss %" PRIu32, asked->next_loss);
    }
    return 0;
}

/* ---- all of them ---- */

/* Of the messages first <= i < end those that are asked for; what is read is checked first. */
static int print_some(struct asked *asked, struct trace_range r, struct diag *diag)
{
    const struct trace *t = asked->t;
    if (trace_check(t, r.first, r.end, TRACE_PAYLOADS, diag) < 0)
        return -1;
    for (uint32_t i = r.first; i < r.end && !show_is_closed(); i++)
        if (print_losses(asked, t->events[i].t_ns, diag) < 0 ||
            (is_asked_for(asked->dump, &t->events[i], asked->pvs) && print_event(asked->dump, t, i, diag) < 0))
            return -1;
    return 0;
}

static int print_events(struct asked *asked, struct diag *diag)
{
    struct trace_range all = {0};
    if (asked->dump->format == CSV)
        dump_csv_head();
    int code = trace_range(asked->t, asked->dump->from_ns, asked->dump->to_ns, &all, diag);
    for (uint64_t i = all.first; code == 0 && i < all.end && !show_is_closed(); i += AT_ONCE) {
        const uint32_t first = (uint32_t)i, end = all.end - first < AT_ONCE ? all.end : first + AT_ONCE;
        code = print_some(asked, (struct trace_range){first, end}, diag);
    }
    if (code == 0)
        code = print_losses(asked, UINT64_MAX, diag);
    return code < 0 ? -1 : show_end(diag);
}

/* With --pv each loss is asked which PVs it concerns, of all messages. */
static int prepare_reach(struct asked *asked, struct diag *diag)
{
    const struct trace *t = asked->t;
    if (asked->pvs == NULL || t->nlosses == 0)
        return 0;
    if (trace_check(t, 0, t->nevents, TRACE_RECORDS, diag) < 0)
        return -1;
    asked->reach = reach_new(t);
    asked->concerned = calloc((size_t)t->npvs + 1, sizeof *asked->concerned);
    if (asked->reach != NULL && asked->concerned != NULL)
        return 0;
    return diag_fail(diag, DIAG_ENVIRONMENT, "no memory for what %" PRIu32 " losses concern", t->nlosses);
}

static int print_asked(struct asked *asked, struct diag *diag)
{
    int code = prepare_reach(asked, diag);
    if (code == 0)
        code = print_events(asked, diag);
    reach_free(asked->reach);
    free(asked->concerned);
    return code;
}

static int dump_trace(const struct dump *dump, const struct trace *t, struct diag *diag)
{
    bool *pvs = NULL;
    const bool has_filter = dump->pv != NULL || dump->circuit != UINT64_MAX || dump->commands.count > 0 || dump->from_ns > 0 ||
                            dump->to_ns != UINT64_MAX;
    if (dump->format == TWIN && has_filter)
        return diag_fail(diag, DIAG_USAGE, "--format twin is all of a trace: cut it before, with `caplay cut`");
    if (dump->circuit != UINT64_MAX && dump->circuit >= t->ncircuits)
        return diag_fail(diag, DIAG_USAGE, "--circuit: %" PRIu64 " is not below %" PRIu32 ", the number of circuits",
                         dump->circuit, t->ncircuits);
    if (check_commands(&dump->commands, diag) < 0 || (dump->pv != NULL && (pvs = edit_match("--pv", dump->pv, t, diag)) == NULL))
        return -1;
    show_begin();
    if (dump->format == TWIN && twin_write(t, stdout, diag) < 0 && !show_is_closed())
        return -1;
    struct asked asked = {.dump = dump, .t = t, .pvs = pvs};
    int code = dump->format == TWIN ? show_end(diag) : print_asked(&asked, diag);
    free(pvs);
    return code;
}

int traces_dump(int argc, char **argv, struct diag *diag)
{
    struct dump dump = {.circuit = UINT64_MAX, .to_ns = UINT64_MAX};
    struct option_result result;
    struct trace t;
    if (options_parse(&dump_command, argc, argv, &dump, &result, diag) < 0)
        return -1;
    if (result.help)
        return DIAG_GOOD;
    if (read_elements(&dump, diag) < 0)
        return -1;
    const char *path = standard_input(result.operands.at[0], diag);
    if (path == NULL || (dump.format == TWIN ? trace_open : trace_open_index)(&t, path, diag) < 0) /* a twin reads it all */
        return -1;
    int code = dump_trace(&dump, &t, diag);
    trace_close(&t);
    return code;
}
