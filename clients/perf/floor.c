#include "clients/perf/floor.h"

#include "base/options.h"

#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

static const struct {
    const char *name;
    int (*run)(const struct floor_options *o, struct diag *diag);
} kinds[] = {
    {"write", floor_write}, {"read", floor_read},   {"get", floor_get},   {"search", floor_search}, {"wake", floor_wake},
    {"yaml", floor_yaml},   {"relay", floor_relay}, {"open", floor_open}, {"decode", floor_decode},
};

static const struct option options[] = {
    {"port", .kind = OPTION_COUNT, .offset = offsetof(struct floor_options, port), .metavar = "PORT", .max = 65535,
     .help = "read, get, search, relay: of the server"},
    {"sockets", .kind = OPTION_COUNT, .offset = offsetof(struct floor_options, sockets), .metavar = "N", .min = 1, .max = 64,
     .help = "write, read: so many readers (default 1)"},
    {"pv", .kind = OPTION_STRING, .offset = offsetof(struct floor_options, pv), .metavar = "NAME",
     .help = "read, get: from a CA server; search: the names' part before :00000"},
    {"rate", .kind = OPTION_RATE, .offset = offsetof(struct floor_options, rate), .metavar = "RATE",
     .help = "write: frames a second (default: as fast as possible)"},
    {"frames", .kind = OPTION_COUNT, .offset = offsetof(struct floor_options, frames), .metavar = "N", .min = 1, .max = 1000000,
     .help = "write: ends after so many at a rate (default 1200)"},
    {"count", .kind = OPTION_COUNT, .offset = offsetof(struct floor_options, count), .metavar = "N", .min = 1, .max = 10000000,
     .help = "get, wake: how many; search: names that there are (default 10000)"},
    {"per-second", .kind = OPTION_COUNT, .offset = offsetof(struct floor_options, per_second), .metavar = "N", .min = 1,
     .max = 10000000, .help = "search: how many are offered (default 1000000)"},
    {"for", .kind = OPTION_DURATION, .offset = offsetof(struct floor_options, for_ns), .metavar = "DURATION", .min = 1,
     .help = "read, search, write as fast as possible: for so long (default 1s)"},
    {"delay", .kind = OPTION_DURATION, .offset = offsetof(struct floor_options, delay_ns), .metavar = "DURATION",
     .help = "wake: from a request, soon after the last reply, to its deadline; relay: of what the server says"},
    {"file", .kind = OPTION_STRING, .offset = offsetof(struct floor_options, file), .metavar = "FILE",
     .help = "yaml, decode, open: to read"},
    {"samples", .kind = OPTION_STRING, .offset = offsetof(struct floor_options, samples), .metavar = "FILE",
     .help = "get, wake, search: ns each; read: socket, serial, arrival in ns of each frame"},
    {"pipelined", .kind = OPTION_FLAG, .offset = offsetof(struct floor_options, pipelined),
     .help = "get: none waits for another's answer"},
    {"never-spin", .kind = OPTION_FLAG, .offset = offsetof(struct floor_options, never_spins),
     .help = "write, wake: asleep until the deadline"},
};

static const struct option_command command = {
    .name = "caplay-floor",
    .synopsis = "write|read|get|search|wake|relay|yaml|decode|open [options]",
    .about = "What the bare machine can do. `make perf` runs it beside the servers.",
    .examples = "caplay-floor write --rate 120Hz --frames 1200 --sockets 10\n"
                "caplay-floor get --port 5064 --pv ten-thousand:00000 --samples get.bin\n",
    .options = options,
    .noptions = sizeof options / sizeof *options,
    .min_operands = 1,
    .max_operands = 1,
};

static int run(const struct floor_options *o, struct diag *diag)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].name, o->what) == 0)
            return kinds[i].run(o, diag);
    return diag_fail(diag, DIAG_USAGE, "no kind '%s'; there are: %s", o->what, command.synopsis);
}

int main(int argc, char **argv)
{
    struct floor_options o = {.sockets = 1, .frames = 1200, .count = 10000, .per_second = 1000000, .for_ns = CLOCK_NS};
    struct option_result parsed;
    struct diag diag = {0};
    if (options_parse(&command, argc, argv, &o, &parsed, &diag) < 0)
        return diag_report(&diag);
    if (parsed.help)
        return DIAG_GOOD;
    o.what = parsed.operands.at[0];
    prctl(PR_SET_TIMERSLACK, 1);
    return run(&o, &diag) < 0 ? diag_report(&diag) : DIAG_GOOD;
}
