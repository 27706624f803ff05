/* caplay-ioc: a real EPICS Base IOC in the foreground. Loads .db files through libdbCore, serves them with rsrv, moves the
 * records that ask for it (ioc_source.h), and ends on SIGINT or SIGTERM. Reads no standard input and has no shell.
 * Where it listens is in EPICS's own environment variables (EPICS_CAS_INTF_ADDR_LIST, EPICS_CAS_SERVER_PORT); what EPICS Base
 * has to say goes to stderr, the line `ready udp=P tcp=P` to stdout. `caplay ioc` starts it. */
#include "base/diag.h"
#include "base/options.h"
#include "clients/ioc/source.h"
#include "clients/libca/repeater.h"

#include <asDbLib.h>
#include <dbAccess.h>
#include <envDefs.h>
#include <epicsExit.h>
#include <errlog.h>
#include <iocInit.h>
#include <iocshRegisterCommon.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#ifndef HAS_registerAllRecordDeviceDrivers
#error "caplay-ioc needs an EPICS Base with registerAllRecordDeviceDrivers(), 7.0.5 or newer"
#endif

struct settings {
    const char *macros, *access_security;
};

static const struct option options[] = {
    {"macros", 'm', OPTION_STRING, offsetof(struct settings, macros), "A=B,C=D", NULL, 0, 0, "macros for the files"},
    {"access-security", 0, OPTION_STRING, offsetof(struct settings, access_security), "FILE", NULL, 0, 0,
     "EPICS access security: the groups of the records' ASG fields"},
};

static const struct option_command command = {
    .name = "caplay-ioc",
    .synopsis = "FILE.db... [--macros A=B,C=D] [--access-security FILE]",
    .about = "A real EPICS Base IOC in the foreground, until SIGINT or SIGTERM. `caplay ioc` starts it with ports that are free.",
    .examples = "caplay-ioc motors.db",
    .options = options,
    .noptions = sizeof options / sizeof *options,
    .min_operands = 1,
    .max_operands = OPTION_LIST_MAX,
};

static sem_t stop_asked;

static void on_stop(int signal)
{
    (void)signal;
    sem_post(&stop_asked);
}

static int load(const struct option_list *files, const struct settings *settings, struct diag *diag)
{
    iocshRegisterCommon();
    if (dbLoadDatabase("base.dbd", EPICS_DBD_DIR, NULL) != 0 || registerAllRecordDeviceDrivers(pdbbase) != 0)
        return diag_fail(diag, DIAG_ENVIRONMENT, "cannot load %s/base.dbd: build again with the EPICS Base that is installed now",
                         EPICS_DBD_DIR);
    for (unsigned i = 0; i < files->count; i++)
        if (dbLoadRecords(files->at[i], settings->macros) != 0)
            return diag_fail(diag, DIAG_USAGE, "cannot load %s: EPICS Base's message is above", files->at[i]);
    if (settings->access_security != NULL && asSetFilename(settings->access_security) != 0)
        return diag_fail(diag, DIAG_ENVIRONMENT, "no memory for the name %s", settings->access_security);
    return ioc_source_find(diag);
}

/* rsrv silently takes another TCP port where the configured one is in use: an error here, since clients that were told the
 * port would find another server there. */
static int check_port(unsigned short *port, struct diag *diag)
{
    *port = envGetInetPortConfigParam(
        envGetConfigParamPtr(&EPICS_CAS_SERVER_PORT) != NULL ? &EPICS_CAS_SERVER_PORT : &EPICS_CA_SERVER_PORT, 5064);
    const char *text = getenv("RSRV_SERVER_PORT");
    long tcp = text != NULL ? strtol(text, NULL, 10) : 0;
    if (tcp != *port)
        return diag_fail(diag, DIAG_ENVIRONMENT,
                         "TCP port %u is in use (EPICS Base took %ld instead): choose another, or --port 0", *port, tcp);
    return 0;
}

/* What EPICS Base prints to stdout, its banner for one, goes to stderr from now on; returns what was stdout, for `ready`. */
static FILE *keep_stdout(void)
{
    FILE *kept = fdopen(dup(STDOUT_FILENO), "w");
    dup2(STDERR_FILENO, STDOUT_FILENO);
    return kept;
}

static void say_ready(FILE *out, unsigned port)
{
    if (out == NULL)
        return; /* started without a stdout */
    fprintf(out, "ready udp=%u tcp=%u\n", port, port);
    fclose(out);
}

/* The repeater comes before the first beacon, and before any client that would complain that there is none. */
static int serve(const struct settings *settings, struct diag *diag)
{
    FILE *out = keep_stdout();
    unsigned short port;
    if (repeater_beside(diag) < 0)
        return -1;
    if (iocInit() != 0)
        return settings->access_security != NULL
                   ? diag_fail(diag, DIAG_USAGE, "cannot use %s: EPICS Base's message is above", settings->access_security)
                   : diag_fail(diag, DIAG_ENVIRONMENT, "iocInit() failed: EPICS Base's message is above");
    if (check_port(&port, diag) < 0 || ioc_source_start(diag) < 0)
        return -1;
    sem_init(&stop_asked, 0, 0);
    struct sigaction action = {.sa_handler = on_stop, .sa_flags = SA_RESTART};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    say_ready(out, port);
    while (sem_wait(&stop_asked) != 0)
        continue; /* EINTR: the handler ran in this thread */
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
    bool failed = load(&parsed.operands, &settings, &diag) < 0 || serve(&settings, &diag) < 0;
    ioc_source_stop();
    errlogFlush(); /* so that its messages are above ours */
    int code = failed ? diag_report(&diag) : DIAG_GOOD;
    epicsExit(code);
}
