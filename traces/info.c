/* `caplay info`: what a trace holds, and what it lacks. Each line begins with a word that says what it is, for grep. */
#include "traces/command.h"

#include "base/clock.h"
#include "base/options.h"
#include "traces/show.h"
#include "traces/survey.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct info {
    uint64_t pvs; /* how many to list; 0: all */
};

static const struct option info_options[] = {
    {"pvs", 0, OPTION_COUNT, offsetof(struct info, pvs), "N", NULL, 0, UINT32_MAX, "list the N busiest PVs (default 20; 0: all)"},
};

static const struct option_command info_command = {
    .name = "info",
    .synopsis = "FILE [--pvs N]",
    .about =
        "Tells what a trace holds: its source and time span, whether anything is missing, circuits, PVs, messages by\n"
        "kind, and service times (from the capture of a request's last byte to that of its reply's first).\n\n"
        "Each line begins with a word that says what it is (source, start, duration, complete or incomplete, circuit,\n"
        "pv, messages, service...); lines that begin with # name the columns. Names are one word: blanks and bytes\n"
        "that are no printable ASCII are shown as \\xNN. A rate is that of one subscription. Payloads are not read: what is\n"
        "damaged in them, `caplay dump` tells.",
    .examples = "caplay info run.catrace\n"
                "caplay info --pvs 0 run.catrace | grep '^pv '",
    .options = info_options,
    .noptions = sizeof info_options / sizeof *info_options,
    .min_operands = 1,
    .max_operands = 1,
};

/* ---- the head ---- */

static void print_completeness(const struct trace_missing *m)
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
    const char *between = "incomplete     ";
    bool any = false;
    for (size_t i = 0; i < sizeof lacks / sizeof *lacks; i++)
        if (lacks[i].n > 0) {
            printf("%s%s: %" PRIu64, between, lacks[i].what, lacks[i].n);
            between = ", ";
            any = true;
        }
    printf("%s\n", any ? "" : "complete       nothing is missing");
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
    print_circuits(t, s);
    int result = print_pvs(t, s, info->pvs, diag);
    survey_print_messages(s, t->nevents);
    print_service(s);
    survey_free(s);
    return result < 0 ? -1 : show_end(diag);
}

int traces_info(int argc, char **argv, struct diag *diag)
{
    struct info info = {.pvs = 20};
    struct option_result result;
    struct trace t;
    if (options_parse(&info_command, argc, argv, &info, &result, diag) < 0)
        return -1;
    if (result.help)
        return DIAG_GOOD;
    if (trace_open_index(&t, result.operands.at[0], diag) < 0)
        return -1;
    int code = trace_check(&t, 0, t.nevents, TRACE_RECORDS, diag) < 0 ? -1 : print_all(&info, &t, diag);
    trace_close(&t);
    return code;
}
