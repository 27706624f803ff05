#include "sim/server.h"

#include "base/child.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#define TRIES 32 /* for a free port that somebody else may take first */

/* The first address of a blank-separated list; ports in it are ignored, as EPICS does (ca-protocol 1.4). */
static int parse_address(const char *list, struct in_addr *address, struct diag *diag)
{
    char text[64] = "";
    size_t skip = strspn(list, " \t"), n = strcspn(list + skip, " \t:");
    if (n < sizeof text)
        memcpy(text, list + skip, n);
    if (inet_pton(AF_INET, text, address) == 1)
        return 0;
    return diag_fail(diag, DIAG_USAGE, "--interface: '%s' is no IPv4 address (example: 127.0.0.1)", list);
}

static int explain_taken(const struct server *s, uint16_t port, const char *what, bool share, struct diag *diag)
{
    char address[INET_ADDRSTRLEN];
    inet_ntop(AF_INET, &s->address, address, sizeof address);
    return diag_fail(diag, DIAG_ENVIRONMENT,
                     "%s port %u at %s is in use: another CA server runs there%s; take --port 0 for free ports%s", what, port,
                     address, share ? " and does not share it" : "", share ? "" : ", or --share-port");
}

static int bind_here(struct server *s, uint16_t port, bool share, struct diag *diag)
{
    int err = udp_open(s, port, share, diag);
    if (err > 0)
        return explain_taken(s, port, "UDP", share, diag);
    if (err < 0)
        return err;
    err = accept_open(s, port, diag);
    if (err > 0 && share) /* as EPICS: any free TCP port, which search replies tell */
        err = accept_open(s, 0, diag);
    return err > 0 ? explain_taken(s, port, "TCP", share, diag) : err;
}

static int bind_anywhere(struct server *s, struct diag *diag)
{
    char address[INET_ADDRSTRLEN];
    inet_ntop(AF_INET, &s->address, address, sizeof address);
    for (unsigned i = 0; i < TRIES; i++) {
        uint16_t port;
        if (child_pick_port(address, &port, diag) < 0)
            return -1;
        int err = udp_open(s, port, false, diag);
        if (err < 0)
            return err;
        if (err == 0 && (err = accept_open(s, port, diag)) <= 0)
            return err;
        udp_close(s);
    }
    return -1;
}

int server_bind(struct server *s, const struct sim_config *config, struct diag *diag)
{
    if (parse_address(config->interface, &s->address, diag) < 0)
        return -1;
    return config->port != 0 ? bind_here(s, (uint16_t)config->port, config->share_port, diag) : bind_anywhere(s, diag);
}
