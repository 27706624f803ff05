/* Preloaded into caplay-libca: the callback of the COUNT-th channel that connects takes longer by CAPLAY_SLOW,
 * "busy:NANOSECONDS:COUNT" or "sleep:NANOSECONDS:COUNT". At the last one nothing hides it: libca waits some 30 ms before its
 * first search, and what is lost in that time is lost by nobody. Unset: nothing is changed. */
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct connection { /* as struct connection_handler_args of cadef.h */
    void *channel;
    long op;
};

typedef void on_connection(struct connection);

int ca_create_channel(const char *name, on_connection *handler, void *user, unsigned priority, void *channel);

static on_connection *handler_of_client;
static unsigned long connections;

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void lose_time(const char *how)
{
    char *end = strchr(how, ':');
    const uint64_t ns = strtoull(end + 1, &end, 10), until = now_ns() + ns;
    const struct timespec t = {(time_t)(ns / 1000000000u), (long)(ns % 1000000000u)};
    if (*end != ':' || strtoul(end + 1, NULL, 10) != connections)
        return;
    if (strncmp(how, "sleep:", 6) == 0)
        nanosleep(&t, NULL);
    else
        while (now_ns() < until)
            ;
}

static void on_connect(struct connection connection)
{
    const char *how = getenv("CAPLAY_SLOW");
    connections++;
    if (how != NULL && strchr(how, ':') != NULL)
        lose_time(how);
    handler_of_client(connection);
}

int ca_create_channel(const char *name, on_connection *handler, void *user, unsigned priority, void *channel)
{
    static int (*next)(const char *, on_connection *, void *, unsigned, void *);
    if (next == NULL)
        *(void **)&next = dlsym(RTLD_NEXT, "ca_create_channel");
    if (handler == NULL)
        return next(name, NULL, user, priority, channel);
    handler_of_client = handler;
    return next(name, on_connect, user, priority, channel);
}
