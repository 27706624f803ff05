/* `caplay info`: what a trace holds, and what it lacks. Each line begins with a word that says what it is, for grep. */
#include "traces/command.h"

#include "base/clock.h"
#include "base/options.h"
#include "traces/losses.h"
#include "traces/reach.h"
#include "traces/show.h"
#include "traces/standard.h"
#include "traces/survey.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { NAMES = 3 }; /* of PVs that a loss concerns */

struct info {
    uint64_t pvs, losses; /* how many to list; 0: all */
};

static const struct option info_options[] = {
    {"pvs", 0, OPTION_COUNT, offsetof(struct info, pvs), "N", NULL, 0, UINT32_MAX, "list the N busiest PVs (default 20; 0: all)"},
    {"losses", 0, OPTION_COUNT, offsetof(struct info, losses), "N", NULL, 0, UINT32_MAX,
     "list the first N losses (default 20; 0: all)"},
};

static const struct option_command info_command = {
    .name = "info",
    .synopsis = "FILE [--pvs N] [--losses N]",
    .about =
        "Tells what a trace (-: standard input) holds: its source and time span, whether anything is missing, circuits, PVs, "
        "messages by\n"
        "kind, and service times (from the capture of a request's last byte to that of its reply's first).\n\n"
        "Each line begins with a word that says what it is (source, start, duration, complete or incomplete, circuit,\n"
        "pv, messages, service...); lines that begin with # name the columns. Names are one word: blanks and bytes\n"
        "that are no printable ASCII are shown as \\xNN. A rate is that of one subscription. Payloads are not read: what is\n"
        "damaged in them, `caplay dump` tells.\n\n"
        "A loss has its place: it was lost between two times (seconds from the first packet), on a circuit, of what its client\n"
        "or its server said. It concerns the PVs that had a channel there, or may concern all. Its kinds:\n"
        "  gap         bytes of a TCP stream that were not captured\n"
        "  skipped     bytes that came, and belong to no whole message, beside or behind a gap\n"
        "  beginning   the first bytes of one direction, nobody knows how many (counted as a gap)\n"
        "  midway      what a circuit had said before the recording began: channels of before may have no name\n"
        "  malformed   messages that could not be decoded\n"
        "  cut         packets that were shorter in the capture than on the wire\n"
        "  dropped     packets that the kernel or the interface dropped between two looks at its counters",
    .examples = "caplay info run.catrace\n"
                "caplay info --losses 0 night.catrace | grep '^loss '\n"
                "caplay info --pvs 0 run.catrace | grep '^pv '",
    .options = info_options,
    .noptions = sizeof info_options / sizeof *info_options,
    .min_operands = 1,
    .max_operands = 1,
};

/* ---- the head ---- */

/* "gaps in TCP streams: 1, bytes in gaps: 116" */
static void print_lacks(const struct trace_missing *m)
{
    const struct {
        const char *what;
        uint64_t n;
    } lacks[] = {
        {"packets dropped by the kernel", m->kernel_drops},
        {"packets cut by the capture", m->cut_packets},
        {"gaps in TCP streams", m->gaps},
        {"bytes in gaps", m->gap_bytes},
        {"circuits joined midway", m->midway},
        {"messages that could not be decoded", m->malformed},
    };
    const char *between = "";
    for (size_t i = 0; i < sizeof lacks / sizeof *lacks; i++)
        if (lacks[i].n > 0) {
            printf("%s%s: %" PRIu64, between, lacks[i].what, lacks[i].n);
            between = ", ";
        }
}

static void print_completeness(const struct trace_missing *m)
{
    printf(trace_is_complete(m) ? "complete       nothing is missing" : "incomplete     ");
    print_lacks(m);
    printf("\n");
}

static void print_head(const struct trace *t, const struct survey *s)
{
    char start[SHOW_BYTES];
    printf("source         ");
    show_name(stdout, *t->source != '\0' ? t->source : "-");
    printf("\nsha256         %s\n", *t->sha256 != '\0' ? t->sha256 : "-");
    printf("start          %s\n", show_time(t->start_realtime_ns / CLOCK_NS, (uint32_t)(t->start_realtime_ns % CLOCK_NS), start));
    printf("duration       %" PRIu64 ".%09" PRIu64 "s\n", t->end_ns / CLOCK_NS, t->end_ns % CLOCK_NS);
    print_completeness(&t->missing);
    printf("packets        %" PRIu64 ", and %" PRIu64 " that are no CA; %" PRIu64 " TCP bytes came again\n", t->missing.packets,
           t->missing.other_packets, t->missing.retransmits);
    printf("payload        %" PRIu64 " bytes, stored as %" PRIu64 "\n", s->payload_bytes, t->pool_bytes);
    printf("subscriptions  %" PRIu32 ", with %" PRIu64 " updates\n", s->subscriptions, s->updates);
    if (s->carried > 0)
        printf("carried        %" PRIu32 " messages from before its beginning: what was open then, and its last values\n",
               s->carried);
    if (s->filled > 0)
        printf("filled         %" PRIu32 " messages of a snapshot, for what nobody asked on the wire\n", s->filled);
}

/* ---- losses ---- */

static void print_time(uint64_t t_ns)
{
    printf(" %" PRIu64 ".%09" PRIu64, t_ns / CLOCK_NS, t_ns % CLOCK_NS);
}

/* How many PVs, and the first of them. */
static void print_concerned(const struct trace *t, const struct reach *reach, const struct trace_loss *loss)
{
    uint32_t pvs[NAMES];
    const uint32_t n = reach_pvs(reach, loss, pvs, NAMES);
    if (reach_is_any(loss)) {
        printf(" all\n");
        return;
    }
    const bool is_midway = loss->kind == TRACE_LOSS_MIDWAY || (t->circuits[loss->circuit].flags & TRACE_MIDWAY);
    if (n == 0 && is_midway)
        printf(" ?"); /* whose names were said before */
    else
        printf(" %" PRIu32, n);
    for (uint32_t i = 0; i < n && i < NAMES; i++) {
        putchar(' ');
        show_name(stdout, trace_pv_name(t, pvs[i]));
    }
    printf(n > NAMES ? " ...\n" : "\n");
}

static void print_loss(const struct trace *t, const struct reach *reach, const struct trace_loss *loss)
{
    char circuit[16] = "-";
    const char *sender = losses_sender(loss);
    if (loss->circuit != TRACE_NONE)
        snprintf(circuit, sizeof circuit, "%" PRIu32, loss->circuit);
    printf("loss");
    print_time(loss->t_ns);
    print_time(loss->until_ns);
    printf(" %-4s %-6s %-9s %4" PRIu64 " %9" PRIu64, circuit, sender != NULL ? sender : "-", losses_kind(loss->kind), loss->count,
           loss->bytes);
    print_concerned(t, reach, loss);
}

/* Of a trace that has no places, or not for all. */
static void print_unplaced(const struct trace *t)
{
    const struct trace_missing rest = losses_unplaced(t);
    if (trace_is_complete(&rest))
        return;
    printf("unplaced       ");
    print_lacks(&rest);
    printf(" (%s)\n", t->nlosses < TRACE_LOSSES_MAX ? "where is not known" : "there were more than have a place");
}

static int print_losses(const struct trace *t, uint64_t most, struct diag *diag)
{
    if (trace_is_complete(&t->missing) && t->nlosses == 0)
        return 0;
    struct reach *reach = reach_new(t);
    if (reach == NULL)
        return diag_fail(diag, DIAG_ENVIRONMENT, "no memory for what %" PRIu32 " losses concern", t->nlosses);
    const uint32_t shown = most == 0 || most > t->nlosses ? t->nlosses : (uint32_t)most;
    printf("\nlosses         %" PRIu32 "\n", t->nlosses);
    if (shown > 0)
        printf("# loss  from and until (seconds), circuit, sender, kind, number, bytes, PVs concerned: how many, which\n");
    for (uint32_t i = 0; i < shown && !show_is_closed(); i++)
        print_loss(t, reach, &t->losses[i]);
    if (shown < t->nlosses)
        printf("... and %" PRIu32 " more (--losses 0 lists all)\n", t->nlosses - shown);
    print_unplaced(t);
    reach_free(reach);
    return 0;
}

/* ---- circuits ---- */

static void print_flags(uint32_t flags)
{
    static const struct {
        uint32_t flag;
        const char *word;
    } words[] = {{TRACE_CONTINUED, "continued"}, {TRACE_MIDWAY, "midway"}, {TRACE_GAP, "gap"}, {TRACE_CLOSED, "closed"}};
    bool any = false;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (flags & words[i].flag) {
            printf("%s%s", any ? "," : "", words[i].word);
            any = true;
        }
    printf("%s\n", any ? "" : "-");
}

static void print_circuit(const struct trace *t, const struct survey *s, uint32_t i)
{
    const struct trace_circuit *c = &t->circuits[i];
    char client[SHOW_BYTES], server[SHOW_BYTES], user[64], host[64], who[130], minor[16] = "?";
    show_name_into(trace_string(t, c->user), user, sizeof user);
    show_name_into(trace_string(t, c->host), host, sizeof host);
    snprintf(who, sizeof who, "%s@%s", user, host);
    if (c->minor != 0)
        snprintf(minor, sizeof minor, "4.%u", c->minor);
    printf("circuit %-5" PRIu32 " %s %-21s %-21s %-20s %-4s %3u %6" PRIu32 " %10" PRIu64 " %12" PRIu64 " ", i,
           c->flags & TRACE_TCP ? "tcp" : "udp", show_endpoint(c->client_address, c->client_port, client),
           show_endpoint(c->server_address, c->server_port, server), who, minor, c->priority, s->circuits[i].channels,
           s->circuits[i].messages, s->circuits[i].bytes);
    print_flags(c->flags);
}

static void print_circuits(const struct trace *t, const struct survey *s)
{
    printf("\ncircuits       %" PRIu32 "\n", t->ncircuits);
    if (t->ncircuits > 0)
        printf("# circuit  client, server, user@host, CA version, priority, channels, messages, payload bytes, state\n");
    for (uint32_t i = 0; i < t->ncircuits && !show_is_closed(); i++)
        print_circuit(t, s, i);
}

/* ---- PVs ---- */

struct rank {
    uint64_t updates, messages;
    const char *name;
    uint32_t pv;
};

static int by_business(const void *a, const void *b)
{
    const struct rank *x = a, *y = b;
    if (x->updates != y->updates)
        return x->updates > y->updates ? -1 : 1;
    if (x->messages != y->messages)
        return x->messages > y->messages ? -1 : 1;
    return strcmp(x->name, y->name);
}

static void print_pv(const struct trace *t, const struct survey *s, uint32_t i)
{
    const struct trace_pv *pv = &t->pvs[i];
    const struct survey_pv *n = &s->pvs[i];
    char name[256], type[32], rate[SHOW_BYTES] = "-";
    static const char *const rights[] = {"none", "read", "write", "read+write"};
    snprintf(type, sizeof type, pv->native < WIRE_BASES ? "%s[%" PRIu32 "]" : "-", wire_types[pv->native % WIRE_BASES].name,
             pv->count);
    if (n->intervals_ns > 0)
        snprintf(rate, sizeof rate, "%.3fHz", (double)n->intervals / ((double)n->intervals_ns / 1e9));
    show_name_into(trace_pv_name(t, i), name, sizeof name);
    printf("pv %-32s %-16s %-10s %4" PRIu32 " %8" PRIu64 " %12s %8" PRIu64 "\n", name, type,
           pv->rights == 0xffff ? "-" : rights[pv->rights & 3], n->subscriptions, n->updates, rate, n->messages);
}

static struct rank *rank_pvs(const struct trace *t, const struct survey *s)
{
    struct rank *ranks = calloc((size_t)t->npvs + 1, sizeof *ranks);
    for (uint32_t i = 0; ranks != NULL && i < t->npvs; i++)
        ranks[i] =
            (struct rank){.updates = s->pvs[i].updates, .messages = s->pvs[i].messages, .name = trace_pv_name(t, i), .pv = i};
    if (ranks != NULL)
        qsort(ranks, t->npvs, sizeof *ranks, by_business);
    return ranks;
}

static uint32_t count_never_created(const struct trace *t)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < t->npvs; i++)
        n += t->pvs[i].native == 0xffff;
    return n;
}

static int print_pvs(const struct trace *t, const struct survey *s, uint64_t most, struct diag *diag)
{
    struct rank *ranks = rank_pvs(t, s);
    if (ranks == NULL)
        return diag_fail(diag, DIAG_ENVIRONMENT, "no memory to sort %" PRIu32 " PVs", t->npvs);
    const uint32_t shown = most == 0 || most > t->npvs ? t->npvs : (uint32_t)most;
    printf("\npvs            %" PRIu32 ", %" PRIu32 " of them searched for or asked for, but never created\n", t->npvs,
           count_never_created(t));
    if (shown > 0)
        printf("# pv  name, native type[count], rights, subscriptions, updates, rate, messages\n");
    for (uint32_t i = 0; i < shown && !show_is_closed(); i++)
        print_pv(t, s, ranks[i].pv);
    if (shown < t->npvs)
        printf("... and %" PRIu32 " more (--pvs 0 lists all)\n", t->npvs - shown);
    free(ranks);
    return 0;
}

/* ---- messages and service times ---- */

static void print_service(const struct survey *s)
{
    char p50[SHOW_BYTES], p99[SHOW_BYTES], max[SHOW_BYTES];
    printf("\n# service  class          count       p50       p99       max\n");
    for (unsigned i = 0; i < SURVEY_CLASSES; i++) {
        const struct histogram *h = &s->service[i];
        if (h->count > 0)
            printf("service    %-10s %9" PRIu64 " %9s %9s %9s\n", survey_class_names[i], h->count,
                   show_duration(histogram_quantile(h, 0.5), p50), show_duration(histogram_quantile(h, 0.99), p99),
                   show_duration(h->max, max));
    }
}

static int print_all(const struct info *info, const struct trace *t, struct diag *diag)
{
    struct survey *s = survey_new(t);
    if (s == NULL)
        return diag_fail(diag, DIAG_ENVIRONMENT, "no memory to count %" PRIu32 " messages", t->nevents);
    show_begin();
    print_head(t, s);
    int result = print_losses(t, info->losses, diag);
    print_circuits(t, s);
    if (result == 0)
        result = print_pvs(t, s, info->pvs, diag);
    survey_print_messages(s, t->nevents);
    print_service(s);
    survey_free(s);
    return result < 0 ? -1 : show_end(diag);
}

int traces_info(int argc, char **argv, struct diag *diag)
{
    struct info info = {.pvs = 20, .losses = 20};
    struct option_result result;
    struct trace t;
    if (options_parse(&info_command, argc, argv, &info, &result, diag) < 0)
        return -1;
    if (result.help)
        return DIAG_GOOD;
    const char *path = standard_input(result.operands.at[0], diag);
    if (path == NULL || trace_open_index(&t, path, diag) < 0)
        return -1;
    int code = trace_check(&t, 0, t.nevents, TRACE_RECORDS, diag) < 0 ? -1 : print_all(&info, &t, diag);
    trace_close(&t);
    return code;
}
