#include "replay/command.h"

#include "replay/floor.h"
#include "replay/pace.h"
#include "replay/report.h"
#include "replay/source.h"
#include "replay/unknown.h"
#include "sim/sim.h"

#include <stdlib.h>
#include <string.h>

struct settings {
    struct sim_config sim;
    struct pace pace;
    unsigned puts, stamps, unknown;
    bool allow_incomplete;
};

enum { STAMPS_MOVED, STAMPS_RECORDED };

static const char *const puts_choices[] = {"keep", "ignore", "refuse", NULL};
static const char *const stamps_choices[] = {"moved", "recorded", NULL};
static const char *const unknown_choices[] = {"silent", "log", "fail", NULL};

static const struct option options[] = {
    PACE_OPTIONS(struct settings, pace),
    {"puts", 0, OPTION_CHOICE, offsetof(struct settings, puts), "WHAT", puts_choices, 0, 0,
     "keep, ignore or refuse (default keep)"},
    {"stamps", 0, OPTION_CHOICE, offsetof(struct settings, stamps), "WHICH", stamps_choices, 0, 0,
     "moved to now, or as recorded (default moved)"},
    {"unknown", 0, OPTION_CHOICE, offsetof(struct settings, unknown), "WHAT", unknown_choices, 0, 0,
     "names that were not recorded: silent, log, or fail at the end (default silent)"},
    {"allow-incomplete", .kind = OPTION_FLAG, .offset = offsetof(struct settings, allow_incomplete),
     .help = "replay what a recording has, although it lacks something"},
    SIM_OPTIONS(struct settings, sim),
};

static const struct option_command command = {
    .name = "replay",
    .synopsis = "FILE [options] [-- COMMAND]",
    .about =
        "Serves a recording from a fake CA server. A client that never saw it finds the recorded PVs, reads them in any type,\n"
        "subscribes, and gets the recorded values, alarms and metadata at the recorded times.\n\n"
        "Time 0 of the recording is its first subscription; time 0 of the replay is --start-when. Before it each PV holds the\n"
        "value that it had then. An update that several clients received is one update. Time stamps move along with the\n"
        "replay: what was an hour old when the recording began is an hour old when the replay begins.\n\n"
        "At its end the last values are served on. SIGUSR2, or p and Enter on its terminal, pauses a replay and lets it go on; "
        "Enter\n"
        "alone pauses, then makes one change after the other. A rate that cannot be held shows in the lateness.\n\n"
        "Replies take their recorded service times, without the wait in a client's own queue: the k-th request of a kind for a\n"
        "PV takes what the k-th recorded one took, further ones draw from all of their kind. What was faster than a timer of\n"
        "this machine is answered at once. A put is kept and posted until the next recorded update. Access rights change as\n"
        "recorded. What the recording does not hold (units that no client asked for) is said at start. One that is not\n"
        "complete (`caplay info` tells) is refused without --allow-incomplete, which says what PVs are concerned." LATENCY_ABOUT
        "\n\n"
        "Exit codes: 0 good, or COMMAND's; 1 --unknown fail and a name was unknown; 2 usage, or the file cannot be read;\n"
        "3 over --late-budget, or searches lost with one, whatever COMMAND returned; 5 port in use, no memory.",
    .examples = "caplay replay beamline.catrace\n"
                "caplay replay beamline.catrace --speed 10 --loop 0\n"
                "caplay replay image.catrace --rate 120Hz --loop 0 --latency 0\n"
                "caplay replay beamline.catrace --rate 'CAM:*=120Hz' --from 10s --to 20s --loop 0 --status\n"
                "caplay replay beamline.catrace --step --start-when ready\n"
                "caplay replay beamline.catrace --latency scaled:2,search=0\n"
                "caplay replay beamline.catrace --port 0 -- python3 my_client.py\n",
    .options = options,
    .noptions = sizeof options / sizeof *options,
    .min_operands = 1,
    .max_operands = 1,
};

/* ---- serving ---- */

struct replay {
    const struct settings *settings;
    const char *path;
    char **command;
    struct playback_config playback;
    struct clock_rate *rates; /* of each PV, or NULL */
    struct replay_source_config source;
    struct trace trace;
    struct timeline timeline;
    struct service service;
};

static int serve(struct replay *r, struct diag *diag)
{
    struct unknown unknown = {.policy = r->settings->unknown};
    r->source.on_unknown = unknown_name;
    r->source.arg = &unknown;
    r->source.puts = r->settings->puts;
    r->source.has_fixed_stamps = r->settings->sim.clock_origin_ns != 0 || r->settings->sim.lockstep != NULL;
    const struct clock_pair now = sim_config_clock(&r->settings->sim);
    r->source.now_ns = now.monotonic_ns;
    r->source.now_stamp_ns = now.realtime_ns - CLOCK_EPICS_EPOCH * CLOCK_NS;
    struct replay_source *source = replay_source_new(&r->timeline, &r->playback, &r->source, diag);
    if (source == NULL)
        return -1;
    struct sim_source calls = replay_source_calls(source);
    struct sim_config sim = r->settings->sim;
    sim.pageable = (struct iovec){.iov_base = r->trace.map, .iov_len = r->trace.map_bytes};
    int code = sim_run(&sim, &calls, r->command, diag);
    replay_source_free(source);
    return code == DIAG_GOOD ? unknown_verdict(&unknown, diag) : code;
}

/* The part of the recording that is asked for, at the pace that is asked for. */
static int set_pace(struct replay *r, struct diag *diag)
{
    const struct pace *pace = &r->settings->pace;
    bool is_cut = pace->from_ns > 0 || pace->to_ns != CLOCK_NEVER;
    if (is_cut && timeline_cut(&r->timeline, pace->from_ns, pace->to_ns, diag) < 0)
        return -1;
    if (pace_rates(pace, &r->timeline, &r->rates, diag) < 0)
        return -1;
    r->playback.rates = r->rates;
    r->playback.recorded_stamps = r->settings->stamps == STAMPS_RECORDED;
    if (is_cut)
        report_cut(stderr, &r->timeline, pace->from_ns);
    return 0;
}

static int load(struct replay *r, struct diag *diag)
{
    const struct sim_config *sim = &r->settings->sim;
    if (pace_check(&r->settings->pace, &r->playback, diag) < 0)
        return -1;
    if (trace_open(&r->trace, r->path, diag) < 0 || timeline_init(&r->timeline, &r->trace, diag) < 0 ||
        timeline_check(&r->timeline, &r->trace, r->path, diag) < 0)
        return -1;
    report_contents(stderr, r->path, &r->trace, &r->timeline);
    if (!r->settings->allow_incomplete && !trace_is_complete(&r->trace.missing))
        return diag_fail(diag, DIAG_USAGE, "%s is incomplete, as said above; --allow-incomplete replays what it has", r->path);
    if (set_pace(r, diag) < 0)
        return -1;
    if (!latency_needs_recorded(&sim->latency))
        return 0;
    const struct service_pvs pvs = {.of_trace_pv = r->timeline.of_trace_pv, .n = r->timeline.npvs};
    if (service_init(&r->service, &r->trace, &pvs, diag) < 0)
        return -1;
    r->service.seed += sim->latency.seed;
    if (sim->lockstep == NULL) { /* there no timer, no floor */
        r->source.floor_ns = floor_measure_ns();
        r->source.send_ns = floor_send_ns(SIM_REST_NS / 2);
        r->source.rested_send_ns = floor_send_ns(5 * SIM_REST_NS);
    }
    report_service(stderr, &r->service, r->source.floor_ns);
    r->source.service = &r->service;
    return 0;
}

int replay_command(int argc, char **argv, struct diag *diag)
{
    struct settings settings = {.pace = PACE_DEFAULTS};
    struct option_result result;
    sim_config_init(&settings.sim);
    settings.sim.name = "caplay replay";
    if (options_parse(&command, argc, argv, &settings, &result, diag) < 0)
        return -1;
    if (result.help)
        return DIAG_GOOD;
    if (latency_parse(&settings.sim.latency, &settings.sim.models, diag) < 0)
        return -1;
    struct replay r = {.settings = &settings, .path = result.operands.at[0], .command = result.command};
    int code = load(&r, diag);
    if (code == 0)
        code = serve(&r, diag);
    service_fini(&r.service);
    free(r.rates);
    timeline_fini(&r.timeline);
    trace_close(&r.trace);
    return code;
}
