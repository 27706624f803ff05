#include "sim/command.h"

#include "sim/database.h"
#include "sim/database_load.h"
#include "sim/sim.h"
#include "sim/synth.h"
#include "traces/scenario_names.h"

struct arguments {
    struct synth_config scenario;
    struct sim_config server;
    const char *macros;
};

static const struct option options[] = {
    {"count", .kind = OPTION_COUNT, .offset = offsetof(struct arguments, scenario.count), .metavar = "N", .min = 1,
     .max = 1000000, .help = "ten-thousand: number of PVs (default 10000)"},
    {"pv", .kind = OPTION_LIST, .offset = offsetof(struct arguments, scenario.names), .metavar = "NAME",
     .help = "area-detector: name of an image; may be repeated (default area-detector:image)"},
    {"rate", .kind = OPTION_RATE, .offset = offsetof(struct arguments, scenario.rate), .metavar = "RATE",
     .help = "area-detector: frames per second (default 120Hz)"},
    {"asap", .kind = OPTION_FLAG, .offset = offsetof(struct arguments, scenario.asap),
     .help = "area-detector: frames as fast as the server goes, stamped as those of --rate"},
    {"size", .kind = OPTION_SIZE2D, .offset = offsetof(struct arguments, scenario.size), .metavar = "WxH",
     .help = "area-detector: elements of an image (default 640x480)"},
    {"macros", 'm', .kind = OPTION_STRING, .offset = offsetof(struct arguments, macros), .metavar = "A=B,C=D",
     .help = "FILE.db: macros for the file"},
    SIM_OPTIONS(struct arguments, server),
};

static const struct option_command command = {
    .name = "sim",
    .synopsis = "SCENARIO|FILE.db|FILE.yaml [options] [-- COMMAND...]",
    .about =
        "Serve synthesized PVs over Channel Access until SIGINT or SIGTERM, or until COMMAND, which is run with the environment\n"
        "that a client needs, has ended; then its exit code is returned, or 3 if the run is over its --late-budget. Prints\n"
        "`ready udp=P tcp=P` once it serves.\n"
        "\n"
        "Scenarios:\n"
        "  ten-thousand    10,000 DOUBLE scalars ten-thousand:00000 ... with value i + 0.5, precision 3, units mm; puts are "
        "kept\n"
        "  area-detector   images of DBR_SHORT whose first four elements are the frame's serial number, most significant first,\n"
        "                  and whose time stamp is the time at which the frame was due\n"
        "\n"
        "FILE.db is an EPICS database: its records are served with all fields as an IOC shows them after iocInit(); puts are "
        "kept\n"
        "and posted, with alarms from limits. SCAN, links and calculations do nothing. FILE.yaml: what caplay-db has "
        "printed,\nor `pvs: [NAME, ...]`: up to millions of scalars with these names, as those of ten-thousand." LATENCY_ABOUT,
    .examples = "caplay sim ten-thousand --port 0 -- python3 client.py\n"
                "caplay sim motors.db --macros P=TEST: --port 0 -- caget TEST:m1\n"
                "caplay sim area-detector --rate 120Hz --size 680x480 --pv CAM:IMAGE --report report.json\n"
                "caplay sim ten-thousand --latency 100us --latency read=lognormal:1ms,0.4,search=0 --seed 7\n",
    .options = options,
    .noptions = sizeof options / sizeof *options,
    .min_operands = 1,
    .max_operands = 1,
};

static int run_scenario(struct arguments *arguments, const char *name, char **command_line, struct diag *diag)
{
    arguments->scenario.now = sim_config_clock(&arguments->server);
    struct synth *synth = synth_new(name, &arguments->scenario, diag);
    if (synth == NULL)
        return -1;
    int code = sim_run(&arguments->server, synth_source(synth), command_line, diag);
    synth_free(synth);
    return code;
}

static int run_database(struct arguments *arguments, const char *file, char **command_line, struct diag *diag)
{
    struct scenario *scenario = database_load(file, arguments->macros, diag);
    struct database *database = scenario != NULL ? database_new(scenario, sim_config_clock(&arguments->server), diag) : NULL;
    if (database == NULL)
        return -1;
    unsigned live = database_live(database);
    if (live > 0)
        fprintf(stderr, "%u record%s SCAN or links: served as they are\n", live, live == 1 ? " has" : "s have");
    int code = sim_run(&arguments->server, database_source(database), command_line, diag);
    database_free(database);
    return code;
}

/* One that cannot be read is left to whoever reads it in earnest. */
static bool is_list_of_names(const char *name)
{
    FILE *file = database_is_yaml(name) ? fopen(name, "re") : NULL;
    bool is = file != NULL && scenario_is_names(file);
    if (file != NULL)
        fclose(file);
    return is;
}

int sim_command(int argc, char **argv, struct diag *diag)
{
    struct arguments arguments = {0};
    struct option_result result;
    sim_config_init(&arguments.server);
    arguments.server.name = "caplay sim";
    if (options_parse(&command, argc, argv, &arguments, &result, diag) < 0)
        return -1;
    if (result.help)
        return DIAG_GOOD;
    if (latency_parse(&arguments.server.latency, &arguments.server.models, diag) < 0)
        return -1;
    const char *what = result.operands.at[0];
    if (is_list_of_names(what))
        arguments.scenario.file = what;
    return database_is_file(what) && arguments.scenario.file == NULL ? run_database(&arguments, what, result.command, diag)
                                                                     : run_scenario(&arguments, what, result.command, diag);
}
