/* The clients under test, by name: how each is started, and what was published of it. */
#include "base/child.h"
#include "clients/bench/bench.h"

#include <stdlib.h>
#include <string.h>

/* From the simplest on. libca: a program in C. The figures were measured on real hardware. */
static const struct known {
    const char *name, *adapter;
    struct bench_published published;
} known[] = {
    {"caproto", "client_caproto.py", {2.05e-1, 7.15e-4, 5.89e-4, 78.06}},
    {"pyepics", "client_pyepics.py", {9.36e-2, 1.36e-3, 5.77e-4, 32.29}},
    {"psp", "client_psp.py", {2.85e-2, 7.72e-4, 4.75e-4, 28.78}},
    {"pyca", "client_pyca.py", {2.84e-2, 3.09e-4, 2.17e-5, 0}},
    {"libca", NULL, {0, 0, 0, 0}},
};

static const unsigned nknown = sizeof known / sizeof *known;

static int find_programs(const struct known *k, struct bench_client *c, struct diag *diag)
{
    const char *python = getenv("CAPLAY_PYTHON");
    if (k->adapter == NULL)
        return child_libexec("caplay-libca", c->program, sizeof c->program, diag);
    snprintf(c->program, sizeof c->program, "%s", python != NULL ? python : CAPLAY_PYTHON);
    return child_libexec(k->adapter, c->adapter, sizeof c->adapter, diag);
}

/* A client whose program is not there is shown as not installed, with what was looked for. */
static void set_known(const struct known *k, struct bench_client *c)
{
    struct diag diag;
    *c = (struct bench_client){.simpler = nknown - (unsigned)(k - known), .published = k->published};
    snprintf(c->name, sizeof c->name, "%s", k->name);
    if (find_programs(k, c, &diag) < 0)
        snprintf(c->missing, sizeof c->missing, "%.150s", diag.text);
}

static int set_client(const char *text, size_t length, struct bench_client *c, struct diag *diag)
{
    for (unsigned i = 0; i < nknown; i++)
        if (strlen(known[i].name) == length && memcmp(known[i].name, text, length) == 0) {
            set_known(&known[i], c);
            c->asked = true;
            return 0;
        }
    if (length > 4 && length < sizeof c->name && memcmp(text, "cmd:", 4) == 0) {
        *c = (struct bench_client){.asked = true, .custom = true, .program = "/bin/sh"};
        memcpy(c->name, text, length);
        return 0;
    }
    return diag_fail(diag, DIAG_USAGE,
                     "--client: unknown client '%.*s': there are libca, pyca, psp, pyepics, caproto, and cmd:COMMAND (up to %zu "
                     "characters) for one of your own",
                     (int)length, text, sizeof c->name - 5);
}

static int check_double(const struct bench_client *clients, int n, struct diag *diag)
{
    for (int i = 0; i + 1 < n; i++)
        if (strcmp(clients[i].name, clients[n - 1].name) == 0)
            return diag_fail(diag, DIAG_USAGE, "--client: '%s' is given twice", clients[i].name);
    return 0;
}

int bench_parse_clients(const char *list, struct bench_client *clients, struct diag *diag)
{
    int n = 0;
    for (unsigned i = nknown; list == NULL && i > 0; i--)
        set_known(&known[i - 1], &clients[n++]);
    while (list != NULL && *list != '\0') {
        size_t length = strcspn(list, ",");
        if (n == BENCH_CLIENTS)
            return diag_fail(diag, DIAG_USAGE, "--client: more than %d clients", BENCH_CLIENTS);
        if (set_client(list, length, &clients[n++], diag) < 0 || check_double(clients, n, diag) < 0)
            return -1;
        list += length + (list[length] == ',');
    }
    return n > 0 ? n : diag_fail(diag, DIAG_USAGE, "--client: no client is named");
}
