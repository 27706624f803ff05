#include "sim/addresses.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define BLANKS      " \t\r\n\f\v"
#define ENTRY_BYTES 280u /* a host's name of 253 characters, and a port */

const char *environment_text(const char *name)
{
    const char *text = getenv(name);
    return text != NULL && *text != '\0' ? text : NULL;
}

bool environment_flag(const char *name, bool otherwise)
{
    const char *text = environment_text(name);
    return text == NULL ? otherwise : strcasecmp(text, "yes") == 0;
}

bool addresses_add(struct addresses *list, struct in_addr address, uint16_t port)
{
    for (unsigned i = 0; i < list->n; i++)
        if (list->at[i].sin_addr.s_addr == address.s_addr && list->at[i].sin_port == htons(port))
            return true;
    if (list->n == ADDRESSES_MOST)
        return false;
    list->at[list->n++] = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = address, .sin_port = htons(port)};
    return true;
}

/* ---- text ---- */

static bool resolve(const char *host, struct in_addr *address)
{
    const struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_DGRAM};
    struct addrinfo *found;
    if (*host == '\0' || getaddrinfo(host, NULL, &hints, &found) != 0)
        return false;
    *address = ((const struct sockaddr_in *)(const void *)found->ai_addr)->sin_addr;
    freeaddrinfo(found);
    return true;
}

/* `entry` is cut at its colon. */
static bool parse_entry(char *entry, uint16_t otherwise, struct in_addr *address, uint16_t *port)
{
    char *colon = strchr(entry, ':'), *end = NULL;
    unsigned long number = otherwise;
    if (colon != NULL) {
        number = strtoul(colon + 1, &end, 10);
        if (end == colon + 1 || *end != '\0' || number > 65535)
            return false;
        *colon = '\0';
    }
    *port = (uint16_t)number;
    return resolve(entry, address);
}

static int add_entry(struct addresses *list, const char *text, size_t n, uint16_t port, struct diag *diag)
{
    char entry[ENTRY_BYTES];
    struct in_addr address;
    int shown = n < ENTRY_BYTES ? (int)n : (int)ENTRY_BYTES - 1;
    snprintf(entry, sizeof entry, "%.*s", shown, text);
    if (n >= ENTRY_BYTES || !parse_entry(entry, port, &address, &port))
        return diag_fail(diag, DIAG_USAGE, "'%.*s' is no IPv4 address and no known host (example: 127.0.0.1)", shown, text);
    if (!addresses_add(list, address, port))
        return diag_fail(diag, DIAG_USAGE, "'%.*s' is one too many: %u addresses at most", shown, text, ADDRESSES_MOST);
    return 0;
}

/* The next entry at or behind `text`; *n is 0 at the end. */
static const char *next_entry(const char *text, size_t *n)
{
    text += strspn(text, BLANKS);
    *n = strcspn(text, BLANKS);
    return text;
}

int addresses_parse(struct addresses *list, const char *what, const char *text, uint16_t port, struct diag *diag)
{
    struct diag entry = {0};
    size_t n;
    for (text = next_entry(text, &n); n > 0; text = next_entry(text + n, &n))
        if (add_entry(list, text, n, port, &entry) < 0)
            return diag_fail(diag, DIAG_USAGE, "%s: %s", what, entry.text);
    return 0;
}

void addresses_from_environment(struct addresses *list, const char *name, uint16_t port)
{
    struct diag entry = {0};
    const char *text = environment_text(name);
    size_t n = 0;
    for (text = text != NULL ? next_entry(text, &n) : NULL; n > 0; text = next_entry(text + n, &n))
        if (add_entry(list, text, n, port, &entry) < 0)
            fprintf(stderr, "caplay: %s: %s: left out\n", name, entry.text);
}

void addresses_groups(struct addresses *list, const char *name)
{
    char number[INET_ADDRSTRLEN];
    struct in_addr address;
    const char *text = environment_text(name);
    size_t n = 0;
    for (text = text != NULL ? next_entry(text, &n) : NULL; n > 0; text = next_entry(text + n, &n)) {
        int digits = (int)strspn(text, "0123456789.");
        snprintf(number, sizeof number, "%.*s", digits, text);
        if (inet_pton(AF_INET, number, &address) == 1 && address_is_multicast(address))
            addresses_add(list, address, 0);
    }
}

/* ---- interfaces ---- */

static struct in_addr address_in(const struct sockaddr *at)
{
    return ((const struct sockaddr_in *)(const void *)at)->sin_addr;
}

static void add_broadcast(struct addresses *list, const struct ifaddrs *one, uint16_t port)
{
    const struct sockaddr *to = one->ifa_flags & IFF_BROADCAST     ? one->ifa_broadaddr
                                : one->ifa_flags & IFF_POINTOPOINT ? one->ifa_dstaddr
                                                                   : NULL;
    if (to != NULL && to->sa_family == AF_INET && address_in(to).s_addr != htonl(INADDR_ANY))
        addresses_add(list, address_in(to), port);
}

void addresses_add_broadcasts(struct addresses *list, struct in_addr interface, uint16_t port)
{
    struct ifaddrs *all;
    if (address_is_loopback(interface))
        addresses_add(list, (struct in_addr){htonl(INADDR_LOOPBACK)}, port);
    if (address_is_loopback(interface) || getifaddrs(&all) < 0)
        return;
    for (const struct ifaddrs *one = all; one != NULL; one = one->ifa_next) {
        bool counts = one->ifa_addr != NULL && one->ifa_addr->sa_family == AF_INET && one->ifa_flags & IFF_UP &&
                      !(one->ifa_flags & IFF_LOOPBACK);
        if (counts && (interface.s_addr == htonl(INADDR_ANY) || address_in(one->ifa_addr).s_addr == interface.s_addr))
            add_broadcast(list, one, port);
    }
    freeifaddrs(all);
}
