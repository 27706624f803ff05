#include "clients/bench/observe.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const char *const observe_names[OBSERVE_FIGURES] = {
    [OBSERVE_SEARCH] = "start_to_search_s",
    [OBSERVE_CIRCUIT] = "search_to_circuit_s",
    [OBSERVE_CREATED] = "search_to_first_channel_s",
    [OBSERVE_CONNECTED] = "search_to_last_channel_s",
    [OBSERVE_VALUE] = "search_to_first_value_s",
    [OBSERVE_CHANNEL_P50] = "channel_p50_s",
    [OBSERVE_CHANNEL_MAX] = "channel_max_s",
    [OBSERVE_SEARCHES] = "searches",
    [OBSERVE_REPEATED] = "repeated_searches",
    [OBSERVE_DATAGRAMS_IN] = "datagrams_in",
    [OBSERVE_DATAGRAMS_OUT] = "datagrams_out",
    [OBSERVE_CIRCUITS] = "circuits",
    [OBSERVE_CHANNELS] = "channels",
    [OBSERVE_BYTES_IN] = "in_bytes",
    [OBSERVE_BYTES_OUT] = "out_bytes",
    [OBSERVE_SEGMENTS_IN] = "segments_in",
    [OBSERVE_SEGMENTS_OUT] = "segments_out",
    [OBSERVE_ROUND_TRIPS] = "round_trips",
    [OBSERVE_MESSAGES_IN] = "messages_in",
    [OBSERVE_MESSAGES_OUT] = "messages_out",
    [OBSERVE_READS] = "reads",
    [OBSERVE_PUTS] = "puts",
    [OBSERVE_SUBSCRIPTIONS] = "subscriptions",
    [OBSERVE_UPDATES] = "updates_sent",
    [OBSERVE_MERGED] = "updates_merged",
    [OBSERVE_EVENTS_OFF] = "events_off",
    [OBSERVE_CLOSED] = "circuits_closed",
    [OBSERVE_BROKEN] = "circuits_broken",
    [OBSERVE_LEFT_OPEN] = "circuits_open",
};

const char *const observe_heads[OBSERVE_FIGURES] = {
    [OBSERVE_SEARCH] = "start to first search",
    [OBSERVE_CIRCUIT] = "first search to first circuit",
    [OBSERVE_CREATED] = "first search to first channel",
    [OBSERVE_CONNECTED] = "first search to last channel",
    [OBSERVE_VALUE] = "first search to first value",
    [OBSERVE_CHANNEL_P50] = "a channel: its search to its creation, median",
    [OBSERVE_CHANNEL_MAX] = "a channel: its search to its creation, most",
    [OBSERVE_SEARCHES] = "searches",
    [OBSERVE_REPEATED] = "searches repeated",
    [OBSERVE_DATAGRAMS_IN] = "datagrams from it",
    [OBSERVE_DATAGRAMS_OUT] = "datagrams to it",
    [OBSERVE_CIRCUITS] = "circuits",
    [OBSERVE_CHANNELS] = "channels",
    [OBSERVE_BYTES_IN] = "bytes from it, by circuit",
    [OBSERVE_BYTES_OUT] = "bytes to it, by circuit",
    [OBSERVE_SEGMENTS_IN] = "TCP segments from it",
    [OBSERVE_SEGMENTS_OUT] = "TCP segments to it",
    [OBSERVE_ROUND_TRIPS] = "round trips",
    [OBSERVE_MESSAGES_IN] = "messages from it",
    [OBSERVE_MESSAGES_OUT] = "messages to it",
    [OBSERVE_READS] = "reads",
    [OBSERVE_PUTS] = "puts",
    [OBSERVE_SUBSCRIPTIONS] = "subscriptions",
    [OBSERVE_UPDATES] = "updates sent",
    [OBSERVE_MERGED] = "updates merged",
    [OBSERVE_EVENTS_OFF] = "flow control episodes",
    [OBSERVE_CLOSED] = "circuits that it closed",
    [OBSERVE_BROKEN] = "circuits that broke",
    [OBSERVE_LEFT_OPEN] = "circuits left open",
};

/* ---- times ---- */

static uint64_t stamp(const json_t *observed, const char *name)
{
    const json_int_t ns = json_integer_value(json_object_get(observed, name));
    return ns > 0 ? (uint64_t)ns : 0;
}

/* A kernel's stamp is moved between two clocks: it may come out before what it follows. */
static double between(uint64_t from_ns, uint64_t to_ns)
{
    if (from_ns == 0 || to_ns == 0)
        return NAN;
    return to_ns > from_ns ? (double)(to_ns - from_ns) / 1e9 : 0;
}

static void read_times(struct observed_run *run, const json_t *observed, uint64_t start_ns)
{
    const json_t *each = json_object_get(observed, "search_to_created");
    const uint64_t search_ns = stamp(observed, "first_search_ns");
    const bool any = json_integer_value(json_object_get(each, "count")) > 0;
    run->at[OBSERVE_SEARCH] = between(start_ns, search_ns);
    run->at[OBSERVE_CIRCUIT] = between(search_ns, stamp(observed, "first_circuit_ns"));
    run->at[OBSERVE_CREATED] = between(search_ns, stamp(observed, "first_created_ns"));
    run->at[OBSERVE_CONNECTED] = between(search_ns, stamp(observed, "last_created_ns"));
    run->at[OBSERVE_VALUE] = between(search_ns, stamp(observed, "first_value_ns"));
    run->at[OBSERVE_CHANNEL_P50] = any ? (double)stamp(each, "p50_ns") / 1e9 : NAN;
    run->at[OBSERVE_CHANNEL_MAX] = any ? (double)stamp(each, "max_ns") / 1e9 : NAN;
    run->searched = search_ns != 0;
    run->connected = stamp(observed, "first_created_ns") != 0;
}

/* ---- counts ---- */

static double of_way(const json_t *pair, unsigned way)
{
    return (double)json_integer_value(json_array_get(pair, way));
}

static void read_kinds(struct observed_run *run, const json_t *messages)
{
    for (unsigned way = 0; way < OBSERVE_WAYS; way++)
        for (unsigned i = 0; i < WIRE_COMMANDS; i++)
            run->kinds[way][i] = of_way(json_object_get(messages, wire_command_name(i)), way);
}

static double all_messages(const struct observed_run *run, unsigned way)
{
    double sum = 0;
    for (unsigned i = 0; i < WIRE_COMMANDS; i++)
        sum += run->kinds[way][i];
    return sum;
}

static void read_pairs(struct observed_run *run, const json_t *observed)
{
    static const struct {
        const char *name;
        enum observe_figure in;
    } pairs[] = {{"datagrams", OBSERVE_DATAGRAMS_IN}, {"bytes", OBSERVE_BYTES_IN}, {"segments", OBSERVE_SEGMENTS_IN}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        for (unsigned way = 0; way < OBSERVE_WAYS; way++)
            run->at[pairs[i].in + way] = of_way(json_object_get(observed, pairs[i].name), way);
    const double *asked = run->kinds[OBSERVE_FROM_IT];
    read_kinds(run, json_object_get(observed, "messages"));
    run->at[OBSERVE_MESSAGES_IN] = all_messages(run, OBSERVE_FROM_IT);
    run->at[OBSERVE_MESSAGES_OUT] = all_messages(run, OBSERVE_TO_IT);
    run->at[OBSERVE_READS] = asked[WIRE_READ_NOTIFY] + asked[WIRE_READ];
    run->at[OBSERVE_PUTS] = asked[WIRE_WRITE_NOTIFY] + asked[WIRE_WRITE];
}

static void read_counts(struct observed_run *run, const json_t *report, const json_t *observed)
{
    static const struct {
        const char *name;
        enum observe_figure figure;
        bool is_observed; /* else the report's own */
    } counts[] = {
        {"searches", OBSERVE_SEARCHES, false},
        {"repeated_searches", OBSERVE_REPEATED, false},
        {"circuits", OBSERVE_CIRCUITS, false},
        {"channels", OBSERVE_CHANNELS, false},
        {"subscriptions", OBSERVE_SUBSCRIPTIONS, false},
        {"sent", OBSERVE_UPDATES, false},
        {"merged", OBSERVE_MERGED, false},
        {"events_off", OBSERVE_EVENTS_OFF, false},
        {"round_trips", OBSERVE_ROUND_TRIPS, true},
        {"closed", OBSERVE_CLOSED, true},
        {"reset", OBSERVE_BROKEN, true},
        {"open", OBSERVE_LEFT_OPEN, true},
    };
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        const json_t *of = counts[i].is_observed ? observed : report;
        run->at[counts[i].figure] = (double)json_integer_value(json_object_get(of, counts[i].name));
    }
}

void observe_read(struct observed_run *run, const json_t *report, uint64_t start_ns)
{
    const json_t *observed = json_object_get(report, "observed");
    *run = (struct observed_run){.searched = false};
    for (unsigned i = 0; i < OBSERVE_FIGURES; i++)
        run->at[i] = NAN;
    if (observed == NULL)
        return;
    read_times(run, observed, start_ns);
    read_pairs(run, observed);
    read_counts(run, report, observed);
}

json_t *observe_counts(const struct observed_run *run)
{
    static const enum observe_figure own[] = {OBSERVE_SEARCHES, OBSERVE_DATAGRAMS_IN, OBSERVE_CIRCUITS,
                                              OBSERVE_CHANNELS, OBSERVE_BYTES_IN,     OBSERVE_MESSAGES_IN,
                                              OBSERVE_READS,    OBSERVE_PUTS,         OBSERVE_SUBSCRIPTIONS};
    json_t *object = json_object();
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        json_object_set_new(object, observe_names[own[i]], isfinite(run->at[own[i]]) ? json_real(run->at[own[i]]) : json_null());
    return object;
}

void observe_name_kind(unsigned way, unsigned command, char name[OBSERVE_KIND_BYTES])
{
    snprintf(name, OBSERVE_KIND_BYTES, "%s.%s", observe_names[OBSERVE_MESSAGES_IN + way], wire_command_name(command));
}

json_t *observe_write(const struct observed_run *run)
{
    char name[OBSERVE_KIND_BYTES];
    json_t *json = json_object();
    for (unsigned i = 0; i < OBSERVE_FIGURES; i++)
        json_object_set_new(json, observe_names[i], isnan(run->at[i]) ? json_null() : json_real(run->at[i]));
    for (unsigned i = 0; i < OBSERVE_WAYS * WIRE_COMMANDS; i++) {
        const unsigned way = i / WIRE_COMMANDS, command = i % WIRE_COMMANDS;
        observe_name_kind(way, command, name);
        if (run->kinds[way][command] > 0)
            json_object_set_new(json, name, json_real(run->kinds[way][command]));
    }
    return json;
}
