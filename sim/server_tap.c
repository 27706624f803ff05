/* Who speaks to whom, for the tap. */
#include "sim/server.h"

#include <sys/socket.h>

int server_tap_open(struct server *s, const struct sim_config *config, struct diag *diag)
{
    char source[96];
    if (config->tap == NULL)
        return 0;
    snprintf(source, sizeof source, "tap of %s", config->name);
    s->tap = tap_open(&(struct tap_config){.path = config->tap, .source = source, .realtime_ns = s->sim.realtime_ns},
                      &s->isolation, diag);
    return s->tap != NULL ? 0 : -1;
}

void server_tap_circuit(struct server *s, int fd, const struct tap_circuit *circuit, uint64_t now_ns)
{
    struct sockaddr_in peer = {0}, own = {0};
    socklen_t n = sizeof peer;
    if (s->tap == NULL)
        return;
    getpeername(fd, (struct sockaddr *)&peer, &n);
    n = sizeof own;
    getsockname(fd, (struct sockaddr *)&own, &n);
    const struct dialogue_endpoints ends = {.client_address = ntohl(peer.sin_addr.s_addr),
                                            .server_address = ntohl(own.sin_addr.s_addr),
                                            .client_port = ntohs(peer.sin_port),
                                            .server_port = ntohs(own.sin_port)};
    tap_begin(s->tap, circuit, &ends, now_ns);
}

void server_tap_datagram(struct server *s, const struct sockaddr_in *peer, const struct tap_bytes *bytes)
{
    const struct dialogue_endpoints ends = {.client_address = ntohl(peer->sin_addr.s_addr),
                                            .server_address = ntohl(s->interface[0].address.s_addr),
                                            .client_port = ntohs(peer->sin_port),
                                            .server_port = s->udp_port};
    if (s->tap != NULL)
        tap_datagram(s->tap, &ends, bytes);
}
