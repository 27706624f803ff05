/* What the files of the proxy share; nobody else includes it. */
#ifndef CAPLAY_REPLAY_PROXY_PARTS_H
#define CAPLAY_REPLAY_PROXY_PARTS_H

#include "replay/proxy.h"
#include "replay/proxy_search.h"
#include "sim/tap.h"
#include "traces/framer.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <netinet/in.h>

struct proxy_circuit;
struct proxy_view;

/* A circuit of our own to the IOC, on which names are asked where it does not answer over UDP. */
struct proxy_names {
    int fd; /* -1: none */
    struct event event;
    struct framer framer;
    bool is_connected;
    uint64_t tried_ns; /* when it was opened last */
};

#define PROXY_IOCS 64u

struct proxy_ioc { /* one that has answered: circuits to our port go there */
    struct proxy *proxy;
    struct sockaddr_in at;
    int listener;
    uint16_t port;
    struct event event;
    unsigned circuits; /* open ones */
    uint64_t used_ns;  /* when it answered last, or a circuit to it was opened */
};

struct proxy {
    const struct proxy_config *config;
    struct event_base *base;
    struct tap *tap;
    uint32_t address; /* that we serve at, host order */
    uint16_t port;    /* ours: UDP, and TCP of the first IOC */
    int udp, upstream;
    struct event udp_event, upstream_event, tick, signals[4];
    struct proxy_ioc iocs[PROXY_IOCS]; /* the first is there before it has answered */
    unsigned niocs;
    bool first_answered;
    struct sockaddr_in answering; /* whose replies are being taken */
    bool hears_udp;               /* the IOC has answered over UDP */
    struct proxy_names names;
    struct proxy_search search;
    struct proxy_circuit *circuits; /* a list */
    uint64_t numbers;               /* circuits so far */
    struct proxy_counts counts;
    struct proxy_view *view;
    pid_t child;
    int exit_code;
    bool is_ending, is_draining;
};

/* Replies to searches, n bytes. from: where they came from; over TCP, where that circuit goes, and those of clients will go. */
void proxy_take_answers(struct proxy *p, const struct sockaddr_in *from, bool is_tcp, const uint8_t *bytes, size_t n);

/* Ask for names, n bytes of VERSION and SEARCH, on the circuit for it. */
void proxy_names_ask(struct proxy *p, const uint8_t *bytes, size_t n, uint64_t now_ns);
void proxy_names_close(struct proxy *p);

#endif
