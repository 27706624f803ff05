#include "replay/command.h"

#include "replay/proxy.h"
#include "sim/addresses.h"
#include "sim/sim.h"
#include "wire/message.h"

#include <arpa/inet.h>

struct settings {
    const char *to, *path, *interface, *env_file, *http;
    uint64_t port;
    bool status;
};

static const struct option options[] = {
    {"to", 0, OPTION_STRING, offsetof(struct settings, to), "HOST[:PORT]", NULL, 0, 0,
     "the IOC and its port for searches (default 5064); several with blanks between, also broadcast addresses"},
    {"write", 'w', OPTION_STRING, offsetof(struct settings, path), "FILE", NULL, 0, 0, "record what passes as a trace"},
    {"interface", 0, OPTION_STRING, offsetof(struct settings, interface), "ADDRESS", NULL, 0, 0,
     "address to serve at (default $EPICS_CAS_INTF_ADDR_LIST or 127.0.0.1); 0.0.0.0: all"},
    {"port", 0, OPTION_COUNT, offsetof(struct settings, port), "PORT", NULL, 0, 65535,
     "UDP and TCP port; 0 picks free ones (default $EPICS_CAS_SERVER_PORT, $EPICS_CA_SERVER_PORT or 5064)"},
    {"env-file", 0, OPTION_STRING, offsetof(struct settings, env_file), "FILE", NULL, 0, 0,
     "write the environment that a client needs, once ready"},
    {"status", 0, OPTION_FLAG, offsetof(struct settings, status), NULL, NULL, 0, 0, "a line a second on stderr"},
    HTTP_OPTION(struct settings, http),
};

static const struct option_command command = {
    .name = "proxy",
    .synopsis = "--to HOST[:PORT] [-w FILE] [options] [-- COMMAND]",
    .about = "Stands before an IOC and records what clients say to it and hear from it, without a capture and without "
             "privileges. It answers\n"
             "searches for the PVs that the IOC has (it asks the IOC each time, over UDP, and over TCP as long as UDP brings "
             "nothing), and\n"
             "passes circuits on as they are; only a search reply's port becomes its own. `ready udp=P tcp=P` says that it "
             "serves. SIGINT and\n"
             "SIGTERM end it and complete the trace, which `caplay info`, `dump` and `replay` read.\n\n"
             "Exit codes: 0 good, or COMMAND's; 2 usage; 5 port in use, IOC's host unknown, trace cannot be written.",
    .examples = "caplay proxy --to ioc7.lab:5064 -w ioc7.catrace --status\n"
                "caplay proxy --to 127.0.0.1:5064 -w run.catrace --port 0 -- python3 my_client.py\n",
    .options = options,
    .noptions = sizeof options / sizeof *options,
};

static bool is_itself(const struct proxy_config *config, const struct sockaddr_in *to)
{
    bool everywhere = config->interface.s_addr == htonl(INADDR_ANY) && address_is_loopback(to->sin_addr);
    bool same = everywhere || config->interface.s_addr == to->sin_addr.s_addr;
    return same && config->port == ntohs(to->sin_port);
}

static int configure(const struct settings *s, struct addresses *to, struct proxy_config *config, struct diag *diag)
{
    if (s->to == NULL)
        return diag_fail(diag, DIAG_USAGE, "proxy: --to HOST[:PORT] says which IOC is behind it, as --to 127.0.0.1:5064");
    if (addresses_parse(to, "--to", s->to, WIRE_PORT, diag) < 0)
        return -1;
    if (to->n == 0 || to->at[0].sin_port == 0)
        return diag_fail(diag, DIAG_USAGE, "--to: '%s' is no HOST or HOST:PORT, as 10.0.0.7:5064", s->to);
    *config = (struct proxy_config){.to = to->at,
                                    .nto = to->n,
                                    .to_text = s->to,
                                    .path = s->path,
                                    .port = (uint16_t)s->port,
                                    .env_file = s->env_file,
                                    .http = s->http,
                                    .status = s->status,
                                    .out = -1};
    if (inet_pton(AF_INET, s->interface, &config->interface) != 1)
        return diag_fail(diag, DIAG_USAGE, "--interface: '%s' is no IPv4 address (example: 127.0.0.1)", s->interface);
    for (unsigned i = 0; i < to->n; i++)
        if (is_itself(config, &to->at[i]))
            return diag_fail(diag, DIAG_USAGE, "--to %s is where the proxy itself would serve (port %u): give it another --port",
                             s->to, config->port);
    return 0;
}

int proxy_command(int argc, char **argv, struct diag *diag)
{
    struct sim_config defaults;
    struct option_result result;
    struct proxy_config config;
    struct addresses to = {.n = 0};
    sim_config_init(&defaults);
    struct settings settings = {.interface = defaults.interface, .port = defaults.port};
    if (options_parse(&command, argc, argv, &settings, &result, diag) < 0)
        return -1;
    if (result.help)
        return DIAG_GOOD;
    return configure(&settings, &to, &config, diag) < 0 ? -1 : proxy_run(&config, result.command, diag);
}
