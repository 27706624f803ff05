/* caplay-db: reads a .db file as EPICS Base reads it and prints it as a scenario: every record with all its fields, as an IOC
 * shows them after iocInit(). traces/scenario.h has the format. Serves nothing: no network, no scan threads run.
 *
 * The file goes through EPICS Base's static database library, so macros, includes, aliases, infos and errors are its own. Then
 * iocBuildIsolated() initialises the records as an IOC does, PINI included, and every field is read, and its metadata asked of
 * the record support (db_origin.h). What SCAN and links would do from then on is left out. */
#include "base/diag.h"
#include "base/options.h"
#include "clients/db/scenario.h"

#include <epicsExit.h>
#include <errlog.h>
#include <fcntl.h>
#include <initHooks.h>
#include <iocInit.h>
#include <iocshRegisterCommon.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct settings {
    const char *macros;
};

static const struct option options[] = {
    {"macros", 'm', OPTION_STRING, offsetof(struct settings, macros), "A=B,C=D", NULL, 0, 0, "macros for the files"},
};

static const struct option_command command = {
    .name = "caplay-db",
    .synopsis = "FILE.db... [--macros A=B,C=D]",
    .about = "Prints EPICS databases as a scenario (YAML), as `caplay sim FILE.db` serves it.",
    .examples = "  caplay-db motors.db > motors.yaml\n",
    .options = options,
    .noptions = sizeof options / sizeof *options,
    .min_operands = 1,
    .max_operands = OPTION_LIST_MAX,
};

/* EPICS Base's text without its terminal colours. */
static void print_plainly(const char *text)
{
    for (; *text != '\0'; text++)
        if (*text == '\033')
            text += strcspn(text, "m") - (text[strcspn(text, "m")] == '\0');
        else
            fputc(*text, stderr);
}

/* What EPICS Base has to say, but for its banner and for what it finds wrong with the probes. */
static void on_message(void *arg, const char *text)
{
    (void)arg;
    if (strncmp(text, "Starting iocInit", 16) != 0 && strstr(text, DB_PROBE_PREFIX) == NULL)
        print_plainly(text);
}

static int load(const struct option_list *files, const char *macros, struct diag *diag)
{
    iocshRegisterCommon();
    if (dbLoadDatabase("base.dbd", EPICS_DBD_DIR, NULL) != 0 || registerAllRecordDeviceDrivers(pdbbase) != 0)
        return diag_fail(diag, DIAG_ENVIRONMENT, "cannot load %s/base.dbd: build again with the EPICS Base that is installed now",
                         EPICS_DBD_DIR);
    for (unsigned i = 0; i < files->count; i++)
        if (dbLoadRecords(files->at[i], macros) != 0)
            return diag_fail(diag, DIAG_USAGE, "cannot load %s: EPICS Base's message is above", files->at[i]);
    return 0;
}

/* As iocInit() does it, but for the network and the threads that scan; records with PINI have been processed. */
static int initialise(struct diag *diag)
{
    if (iocBuildIsolated() != 0)
        return diag_fail(diag, DIAG_ENVIRONMENT, "iocBuildIsolated() failed: EPICS Base's message is above");
    initHookAnnounce(initHookAtIocRun);
    initHookAnnounce(initHookAfterIocRunning);
    return 0;
}

/* EPICS Base prints to stdout what is no scenario: from now on that goes nowhere. Returns what was stdout. */
static FILE *keep_stdout(struct diag *diag)
{
    FILE *kept = fdopen(dup(STDOUT_FILENO), "w");
    int nowhere = open("/dev/null", O_WRONLY);
    if (kept == NULL || nowhere < 0) {
        diag_errno(diag, DIAG_ENVIRONMENT, "stdout");
        return NULL;
    }
    dup2(nowhere, STDOUT_FILENO);
    close(nowhere);
    return kept;
}

static int run(const struct option_list *files, const char *macros, struct diag *diag)
{
    FILE *out = keep_stdout(diag);
    if (out == NULL)
        return -1;
    errlogFlush();
    eltc(0);
    errlogAddListener(on_message, NULL);
    if (load(files, macros, diag) < 0 || db_scenario_prepare(diag) < 0 || initialise(diag) < 0)
        return -1;
    errlogFlush();
    db_scenario_print(out, files);
    if (fclose(out) != 0)
        return diag_errno(diag, DIAG_ENVIRONMENT, "cannot write the scenario");
    return 0;
}

int main(int argc, char **argv)
{
    struct settings settings = {0};
    struct option_result parsed;
    struct diag diag = {0};
    if (options_parse(&command, argc, argv, &settings, &parsed, &diag) < 0)
        return diag_report(&diag);
    if (parsed.help)
        return DIAG_GOOD;
    int failed = run(&parsed.operands, settings.macros, &diag);
    errlogFlush();                                  /* so that its messages are above ours */
    _exit(failed ? diag_report(&diag) : DIAG_GOOD); /* EPICS Base's threads have nothing left to do */
}
