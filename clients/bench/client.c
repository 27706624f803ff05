/* The clients under test, by name: how each is started, and what was published of it. */
#include "base/child.h"
#include "clients/bench/bench.h"

#include <stdlib.h>
#include <string.h>

/* From the simplest on. The figures were measured on real hardware. More in docs/clients.md. */
static const struct known {
    const char *name, *adapter, *about;
    bool standard;   /* measured where no client is named */
    const char *job; /* what is special, as members of its jobs */
    struct bench_published published;
} known[] = {
    {.name = "caproto_sync", .adapter = "client_caproto_sync.py", .about = "Python alone: a circuit for each call"},
    {.name = "caproto_asyncio", .adapter = "client_caproto_asyncio.py", .about = "Python alone, in an asyncio loop"},
    {.name = "caproto_pyepics", .adapter = "client_caproto_pyepics.py", .about = "Python alone, with pyepics' PV objects"},
    {.name = "caproto",
     .adapter = "client_caproto.py",
     .about = "Python alone, with threads",
     .standard = true,
     .published = {2.05e-1, 7.15e-4, 5.89e-4, 78.06}},
    {.name = "pyepics",
     .adapter = "client_pyepics.py",
     .about = "libca by ctypes, PV objects",
     .standard = true,
     .published = {9.36e-2, 1.36e-3, 5.77e-4, 32.29}},
    {.name = "aioca", .adapter = "client_aioca.py", .about = "libca by ctypes, in an asyncio loop"},
    {.name = "cothread", .adapter = "client_cothread.py", .about = "libca by ctypes, cooperative threads"},
    {.name = "psp",
     .adapter = "client_psp.py",
     .about = "PV objects on pyca",
     .standard = true,
     .published = {2.85e-2, 7.72e-4, 4.75e-4, 28.78}},
    {.name = "cachannel", .adapter = "client_cachannel.py", .about = "libca by a C extension or caffi"},
    {.name = "pyca",
     .adapter = "client_pyca.py",
     .about = "libca by a C++ extension",
     .standard = true,
     .published = {2.84e-2, 3.09e-4, 2.17e-5, 0}},
    {.name = "caj_cold", .adapter = "client_caj", .about = "Java alone (CAJ), as a fresh JVM is"},
    {.name = "caj", .adapter = "client_caj", .about = "Java alone (CAJ), after 2 s of rehearsal", .job = "{\"rehearse_s\": 2}"},
    {.name = "libca_nopreempt",
     .adapter = "caplay-libca",
     .about = "libca in C, callbacks only in ca_poll()",
     .job = "{\"preemptive\": false}"},
    {.name = "libca", .adapter = "caplay-libca", .about = "libca in C, callbacks from its threads", .standard = true},
};

static const unsigned nknown = sizeof known / sizeof *known;

static bool is_python(const char *adapter)
{
    return strcmp(adapter + strlen(adapter) - 3, ".py") == 0;
}

static int find_programs(const struct known *k, struct bench_client *c, struct diag *diag)
{
    const char *python = getenv("CAPLAY_PYTHON");
    if (!is_python(k->adapter))
        return child_libexec(k->adapter, c->program, sizeof c->program, diag);
    snprintf(c->program, sizeof c->program, "%s", python != NULL ? python : CAPLAY_PYTHON);
    return child_libexec(k->adapter, c->adapter, sizeof c->adapter, diag);
}

/* A client whose program is not there is shown as not installed, with what was looked for. */
static void set_known(const struct known *k, bool asked, struct bench_client *c)
{
    struct diag diag;
    *c = (struct bench_client){.standard = k->standard,
                               .asked = asked,
                               .simpler = nknown - (unsigned)(k - known),
                               .about = k->about,
                               .job = k->job,
                               .published = k->published};
    snprintf(c->name, sizeof c->name, "%s", k->name);
    if (find_programs(k, c, &diag) < 0)
        snprintf(c->missing, sizeof c->missing, "%.150s", diag.text);
}

/* "libca, pyca, ...", as they are given to --client. */
static void list_known(char *text, size_t room)
{
    size_t used = 0;
    for (unsigned i = nknown; i > 0 && used < room; i--)
        used += (size_t)snprintf(text + used, room - used, "%s, ", known[i - 1].name);
}

static int set_client(const char *text, size_t length, struct bench_client *c, struct diag *diag)
{
    for (unsigned i = 0; i < nknown; i++)
        if (strlen(known[i].name) == length && memcmp(known[i].name, text, length) == 0) {
            set_known(&known[i], true, c);
            return 0;
        }
    if (length > 4 && length < sizeof c->name && memcmp(text, "cmd:", 4) == 0) {
        *c = (struct bench_client){.asked = true, .custom = true, .program = "/bin/sh", .about = "a command of your own"};
        memcpy(c->name, text, length);
        return 0;
    }
    char names[300];
    list_known(names, sizeof names);
    return diag_fail(
        diag, DIAG_USAGE,
        "--client: unknown client '%.*s': there are %sall, and cmd:COMMAND (up to %zu characters) for one of your own",
        (int)length, text, names, sizeof c->name - 5);
}

static int check_double(const struct bench_client *clients, int n, struct diag *diag)
{
    for (int i = 0; i + 1 < n; i++)
        if (strcmp(clients[i].name, clients[n - 1].name) == 0)
            return diag_fail(diag, DIAG_USAGE, "--client: '%s' is given twice", clients[i].name);
    return 0;
}

/* From the least simple on. */
static int set_all(bool also_others, struct bench_client *clients)
{
    int n = 0;
    for (unsigned i = nknown; i > 0; i--)
        if (also_others || known[i - 1].standard)
            set_known(&known[i - 1], false, &clients[n++]);
    return n;
}

int bench_parse_clients(const char *list, struct bench_client *clients, struct diag *diag)
{
    if (list == NULL || strcmp(list, "all") == 0)
        return set_all(list != NULL, clients);
    int n = 0;
    while (*list != '\0') {
        size_t length = strcspn(list, ",");
        if (n == BENCH_CLIENTS)
            return diag_fail(diag, DIAG_USAGE, "--client: more than %d clients", BENCH_CLIENTS);
        if (set_client(list, length, &clients[n++], diag) < 0 || check_double(clients, n, diag) < 0)
            return -1;
        list += length + (list[length] == ',');
    }
    return n > 0 ? n : diag_fail(diag, DIAG_USAGE, "--client: no client is named");
}
