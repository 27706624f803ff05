/* A network link between the server and its clients: bandwidth and propagation. Shared by all circuits, as a network card is:
 * what one sends waits until the link is free. One way, from server to client; requests come as they do. Frames, headers of TCP
 * and acknowledgements are not modelled. Of a send all bytes come when the last has come: 614,400 bytes at 1 Gb/s after 4.9 ms.
 *
 * A search reply takes its own time on the link but does not wait for others, nor they for it.
 *
 * A pipe is one circuit's part: what is on its way. To the circuit it is the socket: a full pipe takes no more, as a full socket
 * buffer would. Pipes count to the memory of all circuits (sim/limits.h): it is enough for some 500 of a short link's.
 * Pure: no socket, no clock. */
#ifndef CAPLAY_SIM_LINK_H
#define CAPLAY_SIM_LINK_H

#include "base/diag.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#define LINK_BUFFER_BYTES (UINT64_C(4) << 20) /* about what Linux lets a socket's send buffer grow to */
#define LINK_FLIGHT_BYTES (UINT64_C(1) << 30) /* the most that a link may have on its way at once */
#define LINK_PIPE_SENDS   16384u              /* on their way at once; a power of two */

struct link { /* zeroed: there is none */
    uint64_t bits_per_s, propagation_ns;
    uint64_t free_ns;           /* when it has sent what it was given */
    uint64_t bytes, longest_ns; /* given so far; the longest time on the link */
};

/* "1Gb/s,50us", "100Mb/s"; NULL: none. -1 with DIAG_USAGE. */
int link_parse(struct link *link, const char *text, struct diag *diag);

static inline bool link_is_on(const struct link *link)
{
    return link->bits_per_s > 0;
}

/* A pipe's room: what the link has on its way at once, and a socket's buffer. */
uint64_t link_pipe_bytes(const struct link *link);

/* How long so many bytes take on an idle link; 0 without one. */
uint64_t link_time_ns(const struct link *link, uint64_t bytes);

/* How long the first byte that is given now is on its way; 0 without a link. */
uint64_t link_wait_ns(const struct link *link, uint64_t now_ns);

struct link_pipe {
    uint8_t *bytes;
    uint64_t room;
    uint64_t begin, end; /* counts of bytes that have come out, and gone in */
    struct link_send {
        uint64_t due_ns, end; /* when it comes out, and the count behind its last byte */
    } * sends;
    uint32_t first, count;
    uint64_t ready_ns; /* when the socket last became ready again */
    bool is_blocked;   /* it took only a part */
};

/* Of a link that is on. NULL without memory. */
struct link_pipe *link_pipe_new(const struct link *link);
void link_pipe_free(struct link_pipe *pipe); /* NULL: nothing happens */

/* Give bytes to the link; how many it took: all, or what there is room for. */
size_t link_pipe_take(struct link_pipe *pipe, struct link *link, const struct iovec *pieces, size_t npieces, uint64_t now_ns);

/* When the first bytes come out; CLOCK_NEVER if none are on their way, or the socket must become ready first. */
uint64_t link_pipe_deadline(const struct link_pipe *pipe);

/* The first send that is on its way, as one or two pieces; returns their number. */
int link_pipe_view(const struct link_pipe *pipe, struct iovec pieces[2]);

/* The socket took n bytes of it; if that was not all the pipe is blocked until link_pipe_unblock(). */
void link_pipe_sent(struct link_pipe *pipe, size_t n);

static inline void link_pipe_unblock(struct link_pipe *pipe, uint64_t now_ns)
{
    pipe->is_blocked = false;
    pipe->ready_ns = now_ns;
}

static inline bool link_pipe_is_empty(const struct link_pipe *pipe)
{
    return pipe->begin == pipe->end;
}

static inline bool link_pipe_has_room(const struct link_pipe *pipe)
{
    return pipe->end - pipe->begin <= pipe->room / 2 && pipe->count <= LINK_PIPE_SENDS / 2;
}

#endif
