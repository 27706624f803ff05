#include "sim/server.h"

#include "base/child.h"

#include <arpa/inet.h>

#define TRIES 32 /* for a free port that somebody else may take first */

/* ---- which interfaces ---- */

static int add_interface(struct server *s, struct in_addr address, struct diag *diag)
{
    if (s->ninterfaces == SERVER_INTERFACES)
        return diag_fail(diag, DIAG_USAGE, "--interface: more than %u addresses", SERVER_INTERFACES);
    s->interface[s->ninterfaces++] = (struct server_interface){.server = s, .address = address, .listen_fd = -1};
    return 0;
}

/* Addresses, of which multicast ones are groups to join; ports among them mean nothing, as in EPICS (ca-protocol 1.4). */
static int find_interfaces(struct server *s, const char *list, struct diag *diag)
{
    struct addresses all = {.n = 0};
    const char *what = list == environment_text("EPICS_CAS_INTF_ADDR_LIST") ? "EPICS_CAS_INTF_ADDR_LIST" : "--interface";
    bool has_any = false;
    if (addresses_parse(&all, what, list, 0, diag) < 0)
        return -1;
    for (unsigned i = 0; i < all.n; i++) {
        const struct in_addr address = all.at[i].sin_addr;
        has_any |= address.s_addr == htonl(INADDR_ANY);
        if (address_is_multicast(address))
            addresses_add(&s->groups, address, 0);
        else if (add_interface(s, address, diag) < 0)
            return -1;
    }
    if (has_any && s->ninterfaces > 1)
        return diag_fail(diag, DIAG_USAGE, "%s: '%s': 0.0.0.0 is all interfaces, and stands alone", what, list);
    return s->ninterfaces > 0 ? 0 : add_interface(s, (struct in_addr){htonl(INADDR_ANY)}, diag);
}

/* ---- ports ---- */

static int explain_taken(const struct server_interface *at, uint16_t port, const char *what, bool share, struct diag *diag)
{
    char address[INET_ADDRSTRLEN];
    inet_ntop(AF_INET, &at->address, address, sizeof address);
    diag_fail(diag, DIAG_ENVIRONMENT,
              "%s port %u at %s is in use: another CA server runs there%s; take --port 0 for free ports%s", what, port, address,
              share ? " and does not share it" : "", share ? "" : ", or --share-port");
    return 1;
}

/* 1: the port is taken somewhere, and diag says where; then nothing is open. */
static int open_udp(struct server *s, uint16_t port, bool share, struct diag *diag)
{
    int err = 0;
    for (unsigned i = 0; i < s->ninterfaces && err == 0; i++) {
        err = udp_open(&s->interface[i], port, share, diag);
        if (err > 0)
            err = explain_taken(&s->interface[i], port, "UDP", share, diag);
    }
    if (err != 0)
        udp_close(s);
    return err;
}

/* The same. Port 0: one that is free at the first interface. */
static int open_tcp(struct server *s, uint16_t port, bool share, struct diag *diag)
{
    int err = 0;
    for (unsigned i = 0; i < s->ninterfaces && err == 0; i++) {
        err = accept_open(&s->interface[i], i > 0 ? s->tcp_port : port, diag);
        if (err > 0)
            err = explain_taken(&s->interface[i], port, "TCP", share, diag);
    }
    if (err != 0)
        accept_close(s);
    return err;
}

static int bind_here(struct server *s, uint16_t port, bool share, struct diag *diag)
{
    int err = open_udp(s, port, share, diag);
    if (err != 0)
        return -1;
    err = open_tcp(s, port, share, diag);
    for (unsigned i = 0; i < TRIES && err > 0 && share; i++) /* as EPICS: any free TCP port, which search replies tell */
        err = open_tcp(s, 0, share, diag);
    return err != 0 ? -1 : 0;
}

static int bind_anywhere(struct server *s, struct diag *diag)
{
    char address[INET_ADDRSTRLEN];
    inet_ntop(AF_INET, &s->interface[0].address, address, sizeof address);
    for (unsigned i = 0; i < TRIES; i++) {
        uint16_t port;
        if (child_pick_port(address, &port, diag) < 0)
            return -1;
        int err = open_udp(s, port, false, diag);
        if (err == 0)
            err = open_tcp(s, port, false, diag);
        if (err <= 0)
            return err;
        udp_close(s);
    }
    return -1;
}

int server_bind(struct server *s, const struct sim_config *config, struct diag *diag)
{
    if (find_interfaces(s, config->interface, diag) < 0)
        return -1;
    return config->port != 0 ? bind_here(s, (uint16_t)config->port, config->share_port, diag) : bind_anywhere(s, diag);
}
