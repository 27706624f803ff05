/* `caplay validate`: the same dialogues with two servers, compared message by message; or with one, against what the dialogues
 * state. */
#include "clients/command.h"

#include "base/child.h"
#include "base/options.h"
#include "clients/validate/validate.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct settings {
    const char *ioc, *dialogues, *accept;
    bool sim, show;
    struct option_list servers;
    uint64_t random, seed;
};

static const struct option options[] = {
    {"ioc", 0, OPTION_STRING, offsetof(struct settings, ioc), "FILE.db", NULL, 0, 0, "a real EPICS Base IOC with this database"},
    {"sim", 0, OPTION_FLAG, offsetof(struct settings, sim), NULL, NULL, 0, 0,
     "the fake server with FILE.db, or with the IOC's database"},
    {"server", 0, OPTION_LIST, offsetof(struct settings, servers), "SERVER", NULL, 0, 0,
     "one or two of HOST:PORT, ioc:FILE.db, sim:FILE.db, sim:ten-thousand, replay:FILE"},
    {"dialogues", 0, OPTION_STRING, offsetof(struct settings, dialogues), "DIR|FILE", NULL, 0, 0,
     "written dialogues (default: the ones that come with caplay; none with --random)"},
    {"accept", 0, OPTION_STRING, offsetof(struct settings, accept), "FILE", NULL, 0, 0,
     "differences that are accepted (default: accepted.txt beside the dialogues)"},
    {"show", 0, OPTION_FLAG, offsetof(struct settings, show), NULL, NULL, 0, 0,
     "print all that is said, as lines that a dialogue can state"},
    {"random", 0, OPTION_COUNT, offsetof(struct settings, random), "N", NULL, 1, 100000000,
     "about N random requests over the records of the database"},
    {"seed", 0, OPTION_COUNT, offsetof(struct settings, seed), "S", NULL, 0, 0, "of the random requests (default 1)"},
};

static const struct option_command command = {
    .name = "validate",
    .synopsis = "--ioc FILE.db --sim [FILE.db] | --server A [--server B] [options]",
    .about =
        "  Talks to two Channel Access servers with the same bytes and compares what they answer, message by message\n"
        "  and byte by byte. Masked are only: sids (numbered in order of appearance), time stamps, ports, pad bytes and\n"
        "  bytes behind NULs, and file and line in error texts. Written dialogues run in lockstep; the form of the files\n"
        "  is in replay/script.h. Only the order within a lane is compared: a circuit's replies, a subscription's updates, a\n"
        "  channel's put results. Where a dialogue states the replies, each server is held to them as well, so that one\n"
        "  server alone can be tested. A random dialogue that differs is shrunk and printed as a dialogue file.",
    .examples = "  caplay validate --ioc tests/dialogues/dialogues.db --sim\n"
                "  caplay validate --server ioc:my.db --server 127.0.0.1:5064 --random 100000 --seed 7\n"
                "  caplay validate --server 127.0.0.1:5064 --dialogues tests/dialogues/echo.dlg",
    .options = options,
    .noptions = sizeof options / sizeof *options,
    .max_operands = 1,
};

/* ---- written dialogues ---- */

/* Where PVs are missing the dialogue has no meaning. */
static bool has_all(struct validate *v, const struct script *script)
{
    for (unsigned i = 0; i < v->nservers; i++) {
        struct served *s = &v->server[i];
        struct converse_server to = {.address = s->address, .udp_port = s->udp_port, .tcp_port = s->tcp_port};
        for (size_t k = 0; k < script->nneeds; k++)
            if (!converse_find(&to, script->needs[k], &s->tcp_port))
                return false;
    }
    return true;
}

static int run_file(struct validate *v, const char *path, struct diag *diag)
{
    struct script script;
    char name[NAME_MAX + 1];
    struct validate_fault fault;
    const char *base = strrchr(path, '/');
    if (script_read(path, &script, diag) < 0)
        return -1;
    snprintf(name, sizeof name, "%s", base != NULL ? base + 1 : path);
    name[strcspn(name, ".")] = '\0';
    v->dialogue = name;
    int result = 0;
    if (has_all(v, &script))
        result = validate_dialogue(v, &script, &fault, diag);
    else
        v->skipped++;
    script_free(&script);
    return result;
}

static int is_dialogue(const struct dirent *entry)
{
    const char *dot = strrchr(entry->d_name, '.');
    return dot != NULL && strcmp(dot, ".dlg") == 0;
}

/* All are read before the first is run, so that a mistake shows at once. */
static int check_files(const char *dir, struct dirent **files, int n, struct diag *diag)
{
    char path[PATH_MAX + NAME_MAX + 2];
    struct script script;
    for (int i = 0; i < n; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, files[i]->d_name);
        if (script_read(path, &script, diag) < 0)
            return -1;
        script_free(&script);
    }
    return 0;
}

static int run_files(struct validate *v, const char *where, struct diag *diag)
{
    struct dirent **files;
    char path[PATH_MAX + NAME_MAX + 2];
    int n = scandir(where, &files, is_dialogue, alphasort);
    if (n < 0 && errno == ENOTDIR)
        return run_file(v, where, diag);
    if (n < 0)
        return diag_errno(diag, DIAG_USAGE, "cannot read %s", where);
    int result = n > 0 ? check_files(where, files, n, diag) : diag_fail(diag, DIAG_USAGE, "%s holds no *.dlg", where);
    for (int i = 0; i < n; i++) {
        snprintf(path, sizeof path, "%s/%s", where, files[i]->d_name);
        if (result == 0)
            result = run_file(v, path, diag);
        free(files[i]);
    }
    free(files);
    return result;
}

/* ---- the whole ---- */

/* --ioc, --sim and --server in one list of names. */
static int name_servers(const struct settings *s, const struct option_list *operands, char made[2][PATH_MAX], const char *names[],
                        unsigned *n, struct diag *diag)
{
    const char *database = operands->count > 0 ? operands->at[0] : s->ioc;
    *n = 0;
    if (operands->count > 0 && !s->sim)
        return diag_fail(diag, DIAG_USAGE, "validate: '%s': a file stands behind --ioc or --sim only", operands->at[0]);
    if (s->ioc != NULL) {
        snprintf(made[0], PATH_MAX, "ioc:%s", s->ioc);
        names[(*n)++] = made[0];
    }
    if (s->sim && database == NULL)
        return diag_fail(diag, DIAG_USAGE, "--sim needs a database: --sim FILE.db, or --ioc FILE.db --sim");
    if (s->sim) {
        snprintf(made[1], PATH_MAX, "sim:%s", database);
        names[(*n)++] = made[1];
    }
    for (unsigned i = 0; i < s->servers.count; i++)
        if (*n < VALIDATE_SERVERS)
            names[(*n)++] = s->servers.at[i];
        else
            return diag_fail(diag, DIAG_USAGE, "validate: more than %d servers", VALIDATE_SERVERS);
    return *n > 0 ? 0 : diag_fail(diag, DIAG_USAGE, "validate: no server: `caplay validate --help` tells how to name them");
}

static void print_result(const struct validate *v)
{
    printf("%lu dialogues run, %lu requests", v->dialogues, v->requests);
    if (v->skipped > 0)
        printf(", %lu dialogues skipped: a PV that they need is missing", v->skipped);
    printf("\n");
    if (v->nservers == 2)
        printf("differences %lu, accepted %lu\n", v->differences, v->accepts);
    printf("statements not kept %lu\n", v->breaches);
    for (size_t i = 0; i < v->accepted.n; i++) {
        const struct validate_accepted *a = &v->accepted.at[i];
        if (a->used > 0)
            printf("  accepted %u: %s %s in %s: %s\n", a->used, a->command, a->field, a->dialogue, a->reason);
    }
}

static int run_random(struct validate *v, const struct settings *s, struct diag *diag)
{
    struct validate_random random = {.requests = s->random, .seed = s->seed};
    for (unsigned i = 0; i < v->nservers && random.database == NULL; i++)
        random.database = served_database(v->server[i].name);
    if (random.database == NULL)
        return diag_fail(diag, DIAG_USAGE, "--random: one of the servers must have a database (ioc:FILE.db or sim:FILE.db)");
    v->dialogue = "random";
    return validate_random(v, &random, diag);
}

static int run_all(struct validate *v, const struct settings *s, struct diag *diag)
{
    char folder[PATH_MAX];
    const char *dialogues = s->dialogues;
    if (dialogues == NULL && s->random == 0) {
        if (child_libexec("dialogues", folder, sizeof folder, diag) < 0)
            return -1;
        dialogues = folder;
    }
    char beside[PATH_MAX];
    const char *accept = s->accept;
    if (accept == NULL && dialogues != NULL) {
        int n = snprintf(beside, sizeof beside, "%s/accepted.txt", dialogues);
        accept = n < (int)sizeof beside && access(beside, R_OK) == 0 ? beside : NULL;
    }
    if (validate_list_read(accept, &v->accepted, diag) < 0 || (dialogues != NULL && run_files(v, dialogues, diag) < 0) ||
        (s->random > 0 && run_random(v, s, diag) < 0))
        return -1;
    print_result(v);
    return v->differences + v->breaches > 0 ? DIAG_DIFFERENCE : DIAG_GOOD;
}

int clients_validate(int argc, char **argv, struct diag *diag)
{
    static char made[2][PATH_MAX];
    struct settings settings = {.seed = 1};
    struct option_result parsed;
    struct validate v = {.nservers = 0, .out = stdout};
    const char *names[VALIDATE_SERVERS];
    unsigned n;
    if (options_parse(&command, argc, argv, &settings, &parsed, diag) < 0)
        return -1;
    if (parsed.help)
        return DIAG_GOOD;
    if (name_servers(&settings, &parsed.operands, made, names, &n, diag) < 0)
        return -1;
    v.show = settings.show;
    int result = 0;
    while (v.nservers < n && result == 0)
        if ((result = served_start(names[v.nservers], &v.server[v.nservers], diag)) == 0)
            v.nservers++;
    for (unsigned i = 0; i < v.nservers && result == 0; i++)
        result = served_wait(&v.server[i], diag);
    if (result == 0)
        result = run_all(&v, &settings, diag);
    for (unsigned i = 0; i < v.nservers; i++)
        served_stop(&v.server[i]);
    validate_list_free(&v.accepted);
    return result;
}
