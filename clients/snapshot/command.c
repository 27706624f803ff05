/* `caplay snapshot`: asks live IOCs once for the values and metadata of PVs. A client, caplay-libca, asks; a proxy between it and
 * the IOCs records what they answer, so the trace holds their own bytes. */
#include "clients/command.h"

#include "base/child.h"
#include "base/options.h"
#include "replay/proxy.h"
#include "sim/addresses.h"
#include "traces/edit.h"
#include "traces/fill.h"
#include "wire/message.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NAME_BYTES = 1024, MISSING_SHOWN = 20 };

struct settings {
    const char *list, *path;
    uint64_t for_ns, timeout_ns;
};

static const struct option options[] = {
    {"list", 'l', OPTION_STRING, offsetof(struct settings, list), "FILE", NULL, 0, 0,
     "names, one a line; # begins a comment; -: standard input"},
    {"write", 'w', OPTION_STRING, offsetof(struct settings, path), "FILE", NULL, 0, 0, "the trace"},
    {"for", 0, OPTION_DURATION, offsetof(struct settings, for_ns), "TIME", NULL, 0, 0,
     "then stay subscribed for so long (default 0)"},
    {"timeout", 0, OPTION_DURATION, offsetof(struct settings, timeout_ns), "TIME", NULL, 1, 0,
     "wait so long for PVs that do not answer (default 5s)"},
};

static const struct option_command command = {
    .name = "snapshot",
    .synopsis = "PV... | -l FILE  -w FILE  [options]",
    .about = "Asks live IOCs for value, time stamp, alarm, metadata and access rights of each PV, once, and records the answers "
             "as a trace,\n"
             "which `caplay replay` serves at once. IOCs are found as every client finds them: by EPICS_CA_ADDR_LIST, "
             "EPICS_CA_AUTO_ADDR_LIST\n"
             "and EPICS_CA_SERVER_PORT. PVs that do not answer in time are listed; the others are recorded.\n\n"
             "Exit codes: 0 all answered; 1 some did not; 2 usage; 5 none did, or the trace cannot be written.",
    .examples = "caplay snapshot -w now.catrace MTR:X MTR:Y\n"
                "caplay snapshot -l beamline.txt -w beamline.catrace --for 10s\n",
    .options = options,
    .noptions = sizeof options / sizeof *options,
    .max_operands = OPTION_LIST_MAX,
};

/* ---- names ---- */

static int read_list(const char *path, json_t *names, struct diag *diag)
{
    char line[NAME_BYTES];
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    if (file == NULL)
        return diag_errno(diag, DIAG_USAGE, "%s: cannot be read", path);
    for (unsigned number = 1; fgets(line, sizeof line, file) != NULL; number++) {
        if (strlen(line) == sizeof line - 1) {
            diag_fail(diag, DIAG_USAGE, "%s: line %u is longer than %d bytes", path, number, NAME_BYTES - 2);
            break;
        }
        line[strcspn(line, "#\r\n")] = '\0';
        const char *name = strtok(line, " \t");
        if (name != NULL && json_array_append_new(names, json_string(name)) < 0) {
            diag_fail(diag, DIAG_USAGE, "%s: line %u: the name is not UTF-8", path, number);
            break;
        }
    }
    if (ferror(file))
        diag_errno(diag, DIAG_USAGE, "%s: cannot be read", path);
    if (file != stdin)
        fclose(file);
    return diag->text[0] == '\0' ? 0 : -1;
}

static json_t *find_names(const struct settings *s, const struct option_list *operands, struct diag *diag)
{
    json_t *names = json_array();
    for (unsigned i = 0; i < operands->count; i++)
        if (json_array_append_new(names, json_string(operands->at[i])) < 0) {
            diag_fail(diag, DIAG_USAGE, "snapshot: '%s' is not UTF-8", operands->at[i]);
            json_decref(names);
            return NULL;
        }
    diag->text[0] = '\0';
    if (s->list != NULL && read_list(s->list, names, diag) < 0) {
        json_decref(names);
        return NULL;
    }
    if (json_array_size(names) > 0)
        return names;
    diag_fail(diag, DIAG_USAGE, "snapshot: no PV is named, neither as an operand nor by -l FILE");
    json_decref(names);
    return NULL;
}

/* ---- where IOCs are ---- */

static int find_iocs(struct addresses *to, struct diag *diag)
{
    const uint16_t port = child_epics_port("EPICS_CA_SERVER_PORT", WIRE_PORT);
    addresses_from_environment(to, "EPICS_CA_ADDR_LIST", port);
    if (environment_flag("EPICS_CA_AUTO_ADDR_LIST", true))
        addresses_add_broadcasts(to, (struct in_addr){htonl(INADDR_ANY)}, port);
    if (to->n > 0)
        return 0;
    return diag_fail(diag, DIAG_ENVIRONMENT,
                     "snapshot: nowhere to search: EPICS_CA_ADDR_LIST is empty, and EPICS_CA_AUTO_ADDR_LIST gives "
                     "nothing (example: EPICS_CA_ADDR_LIST=127.0.0.1)");
}

/* ---- the client behind the proxy ---- */

struct helper {
    char program[PATH_MAX], job[64];
    int out;        /* a file in memory for its line */
    pid_t repeater; /* libca complains where none runs */
};

static int start_repeater(struct helper *h, struct diag *diag)
{
    char *argv[] = {h->program, "--repeater", NULL};
    int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    h->repeater = child_spawn(&(struct child_spec){.argv = argv, .in = nothing, .out = nothing, .err = nothing}, diag);
    close(nothing);
    return h->repeater < 0 ? -1 : 0;
}

static int prepare(struct helper *h, const struct settings *s, json_t *names, struct diag *diag)
{
    json_t *job = json_pack("{s:s, s:O, s:f, s:f}", "task", "snapshot", "names", names, "timeout_s", (double)s->timeout_ns / 1e9,
                            "seconds", (double)s->for_ns / 1e9);
    snprintf(h->job, sizeof h->job, "/tmp/caplay-snapshot-XXXXXX");
    int fd = mkstemp(h->job);
    int written = fd >= 0 ? json_dumpfd(job, fd, 0) : -1;
    if (fd >= 0)
        close(fd);
    json_decref(job);
    h->out = memfd_create("snapshot", MFD_CLOEXEC);
    if (written < 0 || h->out < 0)
        return diag_errno(diag, DIAG_ENVIRONMENT, "%s: cannot be written", h->job);
    if (child_libexec("caplay-libca", h->program, sizeof h->program, diag) < 0)
        return -1;
    return start_repeater(h, diag);
}

static void finish(struct helper *h)
{
    if (h->repeater > 0) {
        kill(h->repeater, SIGTERM);
        waitpid(h->repeater, NULL, 0);
    }
    if (h->out >= 0)
        close(h->out);
    unlink(h->job);
}

/* ---- what came of it ---- */

/* code: of the client. */
static int tell(const struct settings *s, json_t *line, int code, size_t asked, struct diag *diag)
{
    const json_t *missing = json_object_get(line, "missing"), *name;
    const char *error = json_string_value(json_object_get(line, "error"));
    const size_t n = json_array_size(missing);
    size_t i;
    if (line == NULL && (code == 128 + SIGINT || code == 128 + SIGTERM)) {
        fprintf(stderr, "caplay: snapshot: ended early: %s holds what was answered until then\n", s->path);
        return code;
    }
    if (line == NULL || missing == NULL || n == asked)
        unlink(s->path);
    if (line == NULL || missing == NULL)
        return diag_fail(diag, DIAG_ENVIRONMENT, "snapshot: caplay-libca ended early: %s",
                         error != NULL ? error : "it said nothing");
    if (n == asked)
        return diag_fail(diag, DIAG_ENVIRONMENT, "snapshot: none of %zu PVs answered within %.3g s", asked,
                         (double)s->timeout_ns / 1e9);
    if (error != NULL)
        fprintf(stderr, "caplay: warning: snapshot: %s\n", error);
    json_array_foreach(missing, i, name)
    {
        if (i == MISSING_SHOWN)
            break;
        fprintf(stderr, "caplay: %s: no answer\n", json_string_value(name));
    }
    fprintf(stderr, "%s: %zu of %zu PVs%s\n", s->path, asked - n, asked,
            n > MISSING_SHOWN ? "; more than are listed did not answer" : "");
    return n > 0 || error != NULL ? DIAG_DIFFERENCE : DIAG_GOOD;
}

static int take(const struct settings *s, const struct addresses *to, json_t *names, struct diag *diag)
{
    struct helper h = {.out = -1};
    int code = prepare(&h, s, names, diag);
    if (code == 0) {
        char *argv[] = {h.program, h.job, NULL};
        const struct proxy_config proxy = {.to = to->at,
                                           .nto = to->n,
                                           .to_text = "snapshot",
                                           .source = FILL_SOURCE,
                                           .path = s->path,
                                           .interface.s_addr = htonl(INADDR_LOOPBACK),
                                           .is_quiet = true,
                                           .out = h.out};
        code = proxy_run(&proxy, argv, diag);
    }
    if (code >= 0) {
        lseek(h.out, 0, SEEK_SET);
        json_t *line = json_loadfd(h.out, 0, NULL);
        code = tell(s, line, code, json_array_size(names), diag);
        json_decref(line);
    }
    finish(&h);
    return code;
}

int clients_snapshot(int argc, char **argv, struct diag *diag)
{
    struct settings s = {.timeout_ns = 5 * CLOCK_NS};
    struct option_result result;
    struct addresses to = {.n = 0};
    if (options_parse(&command, argc, argv, &s, &result, diag) < 0)
        return -1;
    if (result.help)
        return DIAG_GOOD;
    if (s.path == NULL)
        return diag_fail(diag, DIAG_USAGE, "snapshot: -w FILE says where the recording goes");
    if (s.list != NULL && edit_is_same(s.list, s.path))
        return diag_fail(diag, DIAG_USAGE, "snapshot: -w %s is the list of names: take another name", s.path);
    json_t *names = find_names(&s, &result.operands, diag);
    int code = names == NULL || find_iocs(&to, diag) < 0 ? -1 : take(&s, &to, names, diag);
    json_decref(names);
    return code;
}
