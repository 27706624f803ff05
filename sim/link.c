#include "sim/link.h"

#include "base/clock.h"
#include "base/options.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define EXAMPLES   "examples: 1Gb/s,50us and 100Mb/s"
#define MOST_BITS  1e15
#define BITS_BYTES 64u

/* ---- the option ---- */

static int bandwidth(const char *text, uint64_t *bits_per_s)
{
    static const struct {
        const char *unit;
        double bits;
    } units[] = {{"b/s", 1}, {"kb/s", 1e3}, {"Mb/s", 1e6}, {"Gb/s", 1e9}};
    char number[BITS_BYTES];
    const size_t n = strspn(text, "0123456789.");
    double value;
    snprintf(number, sizeof number, "%.*s", (int)n, text);
    if (n >= sizeof number || options_number(number, &value) < 0)
        return -1;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (strcmp(text + n, units[i].unit) == 0 && value * units[i].bits >= 1 && value * units[i].bits <= MOST_BITS) {
            *bits_per_s = (uint64_t)(value * units[i].bits + 0.5);
            return 0;
        }
    return -1;
}

static uint64_t flight_bytes(const struct link *link)
{
    const unsigned __int128 bits = (unsigned __int128)link->bits_per_s * link->propagation_ns / CLOCK_NS;
    return bits / 8 > UINT64_MAX ? UINT64_MAX : (uint64_t)(bits / 8);
}

int link_parse(struct link *link, const char *text, struct diag *diag)
{
    *link = (struct link){0};
    if (text == NULL)
        return 0;
    char first[BITS_BYTES];
    const size_t n = strcspn(text, ",");
    snprintf(first, sizeof first, "%.*s", (int)n, text);
    if (n >= sizeof first || bandwidth(first, &link->bits_per_s) < 0)
        return diag_fail(diag, DIAG_USAGE,
                         "--link: '%s' does not begin with a bandwidth from 1 b/s to 1000000 Gb/s (" EXAMPLES ")", text);
    if (text[n] == ',' && options_duration(text + n + 1, &link->propagation_ns) < 0)
        return diag_fail(diag, DIAG_USAGE, "--link: '%s': '%s' is not 0 or a duration with its unit (" EXAMPLES ")", text,
                         text + n + 1);
    if (flight_bytes(link) > LINK_FLIGHT_BYTES)
        return diag_fail(diag, DIAG_USAGE,
                         "--link: '%s': %" PRIu64 " bytes would be on their way at once, at most %" PRIu64 " may (" EXAMPLES ")",
                         text, flight_bytes(link), LINK_FLIGHT_BYTES);
    return 0;
}

/* ---- the link ---- */

/* Rounded up. */
static uint64_t transmission_ns(const struct link *link, uint64_t bytes)
{
    const unsigned __int128 bits = (unsigned __int128)bytes * 8 * CLOCK_NS;
    return (uint64_t)((bits + link->bits_per_s - 1) / link->bits_per_s);
}

uint64_t link_time_ns(const struct link *link, uint64_t bytes)
{
    return link_is_on(link) ? transmission_ns(link, bytes) + link->propagation_ns : 0;
}

uint64_t link_wait_ns(const struct link *link, uint64_t now_ns)
{
    return link->propagation_ns + (link->free_ns > now_ns ? link->free_ns - now_ns : 0);
}

static uint64_t pass(struct link *link, uint64_t bytes, uint64_t now_ns)
{
    link->free_ns = (link->free_ns > now_ns ? link->free_ns : now_ns) + transmission_ns(link, bytes);
    link->bytes += bytes;
    const uint64_t due_ns = link->free_ns + link->propagation_ns;
    if (due_ns - now_ns > link->longest_ns)
        link->longest_ns = due_ns - now_ns;
    return due_ns;
}

/* ---- a circuit's pipe ---- */

uint64_t link_pipe_bytes(const struct link *link)
{
    return LINK_BUFFER_BYTES + flight_bytes(link);
}

struct link_pipe *link_pipe_new(const struct link *link)
{
    struct link_pipe *pipe = calloc(1, sizeof *pipe);
    if (pipe == NULL)
        return NULL;
    pipe->room = link_pipe_bytes(link);
    pipe->bytes = malloc(pipe->room);
    pipe->sends = calloc(LINK_PIPE_SENDS, sizeof *pipe->sends);
    if (pipe->bytes != NULL && pipe->sends != NULL)
        return pipe;
    link_pipe_free(pipe);
    return NULL;
}

void link_pipe_free(struct link_pipe *pipe)
{
    if (pipe == NULL)
        return;
    free(pipe->bytes);
    free(pipe->sends);
    free(pipe);
}

/* The bytes from one count to another, which are at most pipe->room, where they lie. */
static int place(const struct link_pipe *pipe, uint64_t from, uint64_t to, struct iovec pieces[2])
{
    const uint64_t at = from % pipe->room, n = to - from, straight = pipe->room - at;
    pieces[0] = (struct iovec){pipe->bytes + at, (size_t)(n < straight ? n : straight)};
    pieces[1] = (struct iovec){pipe->bytes, (size_t)(n - pieces[0].iov_len)};
    return pieces[1].iov_len > 0 ? 2 : 1;
}

static size_t copy_in(struct link_pipe *pipe, const struct iovec *piece)
{
    const uint64_t room = pipe->room - (pipe->end - pipe->begin);
    const size_t n = piece->iov_len < room ? piece->iov_len : (size_t)room;
    struct iovec to[2];
    place(pipe, pipe->end, pipe->end + n, to);
    memcpy(to[0].iov_base, piece->iov_base, to[0].iov_len);
    memcpy(to[1].iov_base, (const uint8_t *)piece->iov_base + to[0].iov_len, to[1].iov_len);
    pipe->end += n;
    return n;
}

size_t link_pipe_take(struct link_pipe *pipe, struct link *link, const struct iovec *pieces, size_t npieces, uint64_t now_ns)
{
    size_t taken = 0;
    if (pipe->count == LINK_PIPE_SENDS)
        return 0;
    for (size_t i = 0; i < npieces; i++)
        taken += copy_in(pipe, &pieces[i]);
    if (taken == 0)
        return 0;
    pipe->sends[(pipe->first + pipe->count++) % LINK_PIPE_SENDS] =
        (struct link_send){.due_ns = pass(link, taken, now_ns), .end = pipe->end};
    return taken;
}

uint64_t link_pipe_deadline(const struct link_pipe *pipe)
{
    return pipe->count > 0 && !pipe->is_blocked ? pipe->sends[pipe->first].due_ns : CLOCK_NEVER;
}

int link_pipe_view(const struct link_pipe *pipe, struct iovec pieces[2])
{
    return pipe->count > 0 ? place(pipe, pipe->begin, pipe->sends[pipe->first].end, pieces) : 0;
}

void link_pipe_sent(struct link_pipe *pipe, size_t n)
{
    pipe->begin += n;
    pipe->is_blocked = pipe->begin != pipe->sends[pipe->first].end;
    if (pipe->is_blocked)
        return;
    pipe->first = (pipe->first + 1) % LINK_PIPE_SENDS;
    pipe->count--;
}
