/* A server at work allocates nothing: an image of 614,400 bytes at 120 Hz, 1,000 scalars at 10 Hz each, 1,000 gets a second, by
 * the real sockets and the real loop. The client is this program again, run by the server.
 *
 * Every malloc() of the process is counted, those of libevent and libc too, between two frames. CAPLAY_SERVING_S: so many
 * seconds, instead of one. */
#include "sim/sim.h"

#include "wire/message.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define IMAGE_HZ   120u
#define ELEMENTS   307200u
#define SCALARS    1000u
#define SCALARS_HZ 10000u /* of all together */
#define GETS_HZ    1000u
#define WARM_UP    60u /* frames before it counts */

/* ---- counting ---- */

static unsigned allocations, before; /* before: those while it does not count: the counter works */
static bool counts;

void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);

static void note(void)
{
    if (counts)
        allocations++;
    else
        before++;
}

void *malloc(size_t n)
{
    note();
    return __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
    note();
    return __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
    note();
    return __libc_realloc(p, n);
}

static uint64_t frames(void)
{
    const char *seconds = getenv("CAPLAY_SERVING_S");
    return IMAGE_HZ * (seconds != NULL ? strtoull(seconds, NULL, 10) : 1);
}

/* ---- the source: PV 0 is the image, the others are scalars ---- */

struct plant {
    struct sim_pv pv[1 + SCALARS];
    char name[1 + SCALARS][8];
    struct wire_meta meta;
    uint8_t image[2 * ELEMENTS], number[SCALARS][8];
    uint64_t t0_ns, frame, tick; /* the next ones */
    uint64_t gets;
};

static struct sim_pv *find(void *self, const char *name, size_t length)
{
    struct plant *plant = self;
    char text[8];
    snprintf(text, sizeof text, "%.*s", (int)length, name);
    unsigned long i = strtoul(text, NULL, 10);
    return i <= SCALARS ? &plant->pv[i] : NULL;
}

static uint64_t delay_ns(void *self, struct sim_pv *pv, enum sim_class class)
{
    (void)pv;
    ((struct plant *)self)->gets += class == SIM_READ;
    return 0;
}

static void start(void *self, uint64_t t0_ns, uint64_t stamp_ns)
{
    (void)stamp_ns;
    ((struct plant *)self)->t0_ns = t0_ns;
}

static uint64_t frame_ns(const struct plant *plant)
{
    return plant->t0_ns + clock_tick_ns((struct clock_rate){IMAGE_HZ, 1}, plant->frame);
}

static uint64_t tick_ns(const struct plant *plant)
{
    return plant->t0_ns + clock_tick_ns((struct clock_rate){SCALARS_HZ, 1}, plant->tick);
}

static uint64_t next_ns(void *self)
{
    const struct plant *plant = self;
    return frame_ns(plant) < tick_ns(plant) ? frame_ns(plant) : tick_ns(plant);
}

static struct sim_pv *next_frame(struct plant *plant)
{
    wire_put64(plant->image, plant->frame++);
    if (plant->frame == WARM_UP)
        counts = true;
    else if (plant->frame == WARM_UP + frames())
        counts = false;
    return &plant->pv[0];
}

static struct sim_pv *change(void *self, unsigned *mask)
{
    struct plant *plant = self;
    *mask = WIRE_MASK_VALUE;
    if (frame_ns(plant) <= tick_ns(plant))
        return next_frame(plant);
    uint64_t i = plant->tick++ % SCALARS;
    wire_put64(plant->number[i], plant->tick);
    return &plant->pv[1 + i];
}

static uint32_t put(void *self, struct sim_pv *pv, unsigned type, uint32_t count, const uint8_t *payload, uint32_t size,
                    uint64_t now_ns, unsigned *mask)
{
    (void)self, (void)pv, (void)type, (void)count, (void)payload, (void)size, (void)now_ns, (void)mask;
    return WIRE_ECA_PUTFAIL;
}

static const struct sim_source_calls calls = {
    .find = find, .delay_ns = delay_ns, .start = start, .next_ns = next_ns, .change = change, .put = put};

static void set_up(struct plant *plant, unsigned i)
{
    struct sim_pv *pv = &plant->pv[i];
    snprintf(plant->name[i], sizeof plant->name[i], "%u", i);
    pv->name = plant->name[i];
    pv->meta = &plant->meta;
    pv->native = i == 0 ? WIRE_INT16 : WIRE_DOUBLE;
    pv->count = i == 0 ? ELEMENTS : 1;
    pv->rights = WIRE_RIGHT_READ;
    pv->value = (struct wire_value){.data = i == 0 ? plant->image : plant->number[i - 1],
                                    .base = pv->native,
                                    .count = pv->count,
                                    .has_alarm = true,
                                    .has_stamp = true};
}

/* ---- the client ---- */

struct client {
    int fd;
    uint8_t in[1 << 20];
    size_t n;
    uint64_t images, serial, answers, asked; /* serial: of the newest image */
};

static bool say(const struct client *c, const struct wire_header *h, const void *payload)
{
    uint8_t bytes[WIRE_EXTENDED_BYTES + 16] = {0};
    size_t n = wire_header_write(bytes, h);
    if (h->size > 0)
        memcpy(bytes + n, payload, h->size);
    return send(c->fd, bytes, n + h->size, MSG_NOSIGNAL) == (ssize_t)(n + h->size);
}

static void subscribe_all(const struct client *c)
{
    say(c, &(struct wire_header){.command = WIRE_VERSION, .count = WIRE_MINOR}, NULL);
    for (uint32_t i = 0; i <= SCALARS; i++) {
        char name[8] = "", wish[16] = {[13] = WIRE_MASK_VALUE};
        snprintf(name, sizeof name, "%u", i);
        say(c, &(struct wire_header){.command = WIRE_CREATE_CHAN, .size = 8, .p1 = i, .p2 = WIRE_MINOR}, name);
        say(c,
            &(struct wire_header){.command = WIRE_EVENT_ADD,
                                  .type = i == 0 ? WIRE_INT16 : WIRE_DOUBLE,
                                  .count = i == 0 ? ELEMENTS : 1,
                                  .size = sizeof wish,
                                  .p1 = i,
                                  .p2 = i},
            wish);
    }
}

static bool hear(struct client *c)
{
    ssize_t got = recv(c->fd, c->in + c->n, sizeof c->in - c->n, MSG_DONTWAIT);
    if (got <= 0)
        return got < 0 && (errno == EAGAIN || errno == EINTR);
    struct cursor cur = cursor_over(c->in, c->n + (size_t)got);
    struct wire_header h;
    const uint8_t *payload;
    while (wire_message_read(&cur, WIRE_MINOR, &h, &payload, NULL) == WIRE_OK) {
        if (h.command == WIRE_EVENT_ADD && h.p2 == 0) {
            c->images++;
            c->serial = wire_get64(payload);
        }
        c->answers += h.command == WIRE_READ_NOTIFY;
    }
    c->n = cursor_left(&cur);
    memmove(c->in, cur.p, c->n);
    return true;
}

/* What has become due since the begin, so that the rate holds however late we are. */
static void ask(struct client *c, uint64_t since_ns)
{
    while (clock_tick_ns((struct clock_rate){GETS_HZ, 1}, c->asked) <= since_ns)
        say(c,
            &(struct wire_header){.command = WIRE_READ_NOTIFY,
                                  .type = WIRE_DOUBLE,
                                  .count = 1,
                                  .p1 = (uint32_t)(1 + c->asked++ % SCALARS),
                                  .p2 = 1},
            NULL);
}

static int run_client(void)
{
    struct client *c = calloc(1, sizeof *c);
    const char *port = getenv("EPICS_CA_SERVER_PORT");
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                             .sin_port = htons((uint16_t)strtoul(port != NULL ? port : "0", NULL, 10))};
    const int on = 1;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(c->fd, (struct sockaddr *)&at, sizeof at) < 0)
        return 4;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    subscribe_all(c);
    const uint64_t begin_ns = clock_monotonic_ns(), wanted = WARM_UP + frames();
    bool is_open = true;
    while (is_open && c->serial <= wanted) {
        struct pollfd readable = {.fd = c->fd, .events = POLLIN};
        poll(&readable, 1, 1);
        ask(c, clock_monotonic_ns() - begin_ns);
        is_open = hear(c);
    }
    const bool good = is_open && c->images > 1 && c->answers > 0;
    fprintf(stderr, "%llu images, %llu of %llu gets answered\n", (unsigned long long)c->images, (unsigned long long)c->answers,
            (unsigned long long)c->asked);
    free(c);
    return good ? 0 : 1;
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return run_client();
    char *command[] = {argv[0], (char[]){"client"}, NULL};
    struct plant *plant = calloc(1, sizeof *plant);
    struct sim_config config;
    struct diag diag = {.code = DIAG_GOOD};
    for (unsigned i = 0; i <= SCALARS; i++)
        set_up(plant, i);
    sim_config_init(&config);
    config.interface = "127.0.0.1";
    config.port = 0;
    int code = sim_run(&config, &(struct sim_source){.calls = &calls, .self = plant}, command, &diag);
    const bool was_counted = plant->frame >= WARM_UP + frames();
    fprintf(stderr, "%llu frames, %llu updates of scalars, %llu gets, %u allocations\n", (unsigned long long)plant->frame,
            (unsigned long long)plant->tick, (unsigned long long)plant->gets, allocations);
    free(plant);
    if (code < 0)
        return diag_report(&diag);
    return code != 0 ? code : was_counted && before > 0 && allocations == 0 ? 0 : 1;
}
