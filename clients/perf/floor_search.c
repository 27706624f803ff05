#include "clients/perf/floor.h"

#include "wire/message.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A datagram as libca sends them: VERSION and as many searches as 1,024 bytes hold. */
#define SEARCH_BYTES   40u
#define SEARCHES       ((1024u - WIRE_HEADER_BYTES) / SEARCH_BYTES)
#define DATAGRAM_BYTES (WIRE_HEADER_BYTES + SEARCHES * SEARCH_BYTES)
#define TOGETHER       8u  /* datagrams that leave in one go where the sender is behind */
#define TAKEN          32u /* datagrams that are read in one go */
#define REPLY_BYTES    24u
#define BUFFER_BYTES   (256 << 20)
#define LAST_NS        (300 * (CLOCK_NS / 1000)) /* for the last replies */

struct searcher {
    const struct floor_options *o;
    int fd;
    uint64_t datagrams, sent, refused; /* in all; so far; those that the kernel did not take */
    uint64_t *sent_ns;
    bool *is_answered; /* each search */
    uint64_t replies, doubled;
    struct floor_log log;
    uint8_t *made; /* datagrams with all names, of which only ids are new when they are sent again */
    uint64_t nmade;
    uint8_t out[TOGETHER][DATAGRAM_BYTES], in[TAKEN][2048];
};

static int open_socket(uint64_t port, struct diag *diag)
{
    const int size = BUFFER_BYTES;
    const struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&at, sizeof at) < 0)
        return diag_errno(diag, DIAG_ENVIRONMENT, "cannot reach UDP port %u", (unsigned)port);
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) < 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    return fd;
}

/* The names that follow each other; count is a multiple of SEARCHES. */
static void make_datagram(const struct searcher *s, uint8_t *at, uint64_t k)
{
    const struct wire_header version = {.command = WIRE_VERSION, .type = 1, .count = WIRE_MINOR};
    const struct wire_header search = {
        .command = WIRE_SEARCH, .type = WIRE_DONT_REPLY, .count = WIRE_MINOR, .size = SEARCH_BYTES - WIRE_HEADER_BYTES};
    wire_header_write(at, &version);
    for (unsigned i = 0; i < SEARCHES; i++) {
        uint8_t *one = at + WIRE_HEADER_BYTES + i * SEARCH_BYTES;
        wire_header_write(one, &search);
        snprintf((char *)one + WIRE_HEADER_BYTES, SEARCH_BYTES - WIRE_HEADER_BYTES, "%.16s:%05u",
                 s->o->pv != NULL ? s->o->pv : "ten-thousand", (unsigned)(k * SEARCHES + i));
    }
}

static void number_datagram(const struct searcher *s, uint8_t *at, uint64_t k)
{
    memcpy(at, s->made + k % s->nmade * DATAGRAM_BYTES, DATAGRAM_BYTES);
    wire_put32(at + 8, (uint32_t)k);
    for (unsigned i = 0; i < SEARCHES; i++) {
        uint8_t *one = at + WIRE_HEADER_BYTES + i * SEARCH_BYTES;
        wire_put32(one + 8, (uint32_t)(k * SEARCHES + i));
        wire_put32(one + 12, (uint32_t)(k * SEARCHES + i));
    }
}

static void send_due(struct searcher *s, uint64_t begin_ns)
{
    struct mmsghdr message[TOGETHER] = {0};
    struct iovec piece[TOGETHER];
    uint64_t now_ns = clock_monotonic_ns();
    const struct clock_rate rate = {s->o->per_second, SEARCHES};
    unsigned n = 0;
    for (; n < TOGETHER && s->sent + n < s->datagrams && begin_ns + clock_tick_ns(rate, s->sent + n) <= now_ns; n++) {
        number_datagram(s, s->out[n], s->sent + n);
        piece[n] = (struct iovec){s->out[n], DATAGRAM_BYTES};
        message[n].msg_hdr = (struct msghdr){.msg_iov = &piece[n], .msg_iovlen = 1};
        s->sent_ns[s->sent + n] = now_ns;
    }
    int sent = n > 0 ? sendmmsg(s->fd, message, n, 0) : 0;
    s->sent += sent > 0 ? (unsigned)sent : 0;
    s->refused += n > 0 && sent < (int)n;
}

static void take_reply(struct searcher *s, uint32_t number, uint64_t now_ns)
{
    if (number >= s->datagrams * SEARCHES)
        return;
    s->doubled += s->is_answered[number];
    s->replies += !s->is_answered[number];
    s->is_answered[number] = true;
    floor_log_add(&s->log, now_ns - s->sent_ns[number / SEARCHES]);
}

static void take_datagram(struct searcher *s, const uint8_t *bytes, size_t n, uint64_t now_ns)
{
    struct cursor cur = cursor_over(bytes, n);
    const uint8_t *payload;
    struct wire_header h;
    while (wire_message_read(&cur, WIRE_MINOR, &h, &payload, NULL) == WIRE_OK)
        if (h.command == WIRE_SEARCH)
            take_reply(s, h.p2, now_ns);
}

static bool take_replies(struct searcher *s)
{
    struct mmsghdr message[TAKEN] = {0};
    struct iovec piece[TAKEN];
    for (unsigned i = 0; i < TAKEN; i++) {
        piece[i] = (struct iovec){s->in[i], sizeof s->in[i]};
        message[i].msg_hdr = (struct msghdr){.msg_iov = &piece[i], .msg_iovlen = 1};
    }
    int n = recvmmsg(s->fd, message, TAKEN, 0, NULL);
    uint64_t now_ns = clock_monotonic_ns();
    for (int i = 0; i < n; i++)
        take_datagram(s, s->in[i], message[i].msg_len, now_ns);
    return n > 0;
}

static uint64_t drops_of(int fd)
{
    uint32_t memory[SK_MEMINFO_VARS] = {0};
    socklen_t n = sizeof memory;
    return getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memory, &n) == 0 ? memory[SK_MEMINFO_DROPS] : 0;
}

/* Returns how long the sending took. */
static uint64_t search_all(struct searcher *s)
{
    uint64_t begin_ns = clock_monotonic_ns(), last_ns = begin_ns;
    while (s->sent < s->datagrams) {
        send_due(s, begin_ns);
        take_replies(s);
    }
    uint64_t took_ns = clock_monotonic_ns() - begin_ns;
    for (last_ns += took_ns; s->replies < s->datagrams * SEARCHES && clock_monotonic_ns() < last_ns + LAST_NS;)
        if (take_replies(s))
            last_ns = clock_monotonic_ns();
    return took_ns;
}

static int prepare(struct searcher *s, struct diag *diag)
{
    s->datagrams = s->o->per_second * (s->o->for_ns / 1000) / (CLOCK_NS / 1000) / SEARCHES;
    s->nmade = s->o->count / SEARCHES > 0 ? s->o->count / SEARCHES : 1;
    s->made = calloc(s->nmade, DATAGRAM_BYTES);
    s->sent_ns = calloc(s->datagrams + 1, sizeof *s->sent_ns);
    s->is_answered = calloc(s->datagrams * SEARCHES + 1, sizeof *s->is_answered);
    if (s->made == NULL || s->sent_ns == NULL || s->is_answered == NULL)
        return diag_fail(diag, DIAG_ENVIRONMENT, "no memory for %" PRIu64 " datagrams", s->datagrams);
    for (uint64_t k = 0; k < s->nmade; k++)
        make_datagram(s, s->made + k * DATAGRAM_BYTES, k);
    s->fd = open_socket(s->o->port, diag);
    return s->fd >= 0 ? floor_log_init(&s->log, s->datagrams * SEARCHES, diag) : -1;
}

int floor_search(const struct floor_options *o, struct diag *diag)
{
    static struct searcher s;
    s.o = o;
    if (prepare(&s, diag) < 0)
        return -1;
    uint64_t took_ns = search_all(&s);
    printf("{\"sent\": %" PRIu64 ", \"for_ns\": %" PRIu64 ", \"replies\": %" PRIu64 ", \"doubled\": %" PRIu64
           ", \"own_drops\": %" PRIu64 ", \"refused\": %" PRIu64 "}\n",
           s.sent * SEARCHES, took_ns, s.replies, s.doubled, drops_of(s.fd), s.refused);
    free(s.made);
    free(s.sent_ns);
    free(s.is_answered);
    close(s.fd);
    return floor_log_write(&s.log, o->samples, diag);
}
