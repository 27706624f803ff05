/* What became of each frame of a monitored image: delivered, lost in the client, merged in the server's queue, doubled. Known
 * from serial and time stamp alone, since a merged update carries the newest data with the stamp of the first post that it stands
 * for (ca-protocol 6.5): a frame k with the stamp of post s <= k merged the posts s .. k-1; what lies between the frame before
 * and s was handed to the client and never came out. Pure. */
#ifndef CAPLAY_CLIENTS_BENCH_FRAMES_H
#define CAPLAY_CLIENTS_BENCH_FRAMES_H

#include "base/clock.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bench_frame {
    uint64_t serial;
    uint64_t stamp_ns; /* any epoch */
    int64_t sum;       /* of all elements, as the client's callback saw it */
};

/* What the server posts. A generator: serial k at the k-th tick of `rate`. A recording (count > 0): these serials at these times,
 * over and over (the first is the value before the recording's time 0, to which each loop falls back: replay/playback.h). */
struct bench_posts {
    struct clock_rate rate;
    size_t elements; /* of a frame; 0: any */
    uint64_t *serials, *stamps_ns;
    size_t count;
};

struct bench_frames {
    uint64_t delivered;  /* frames that the client's callback got */
    uint64_t lost;       /* sent to the client, never seen by its callback */
    uint64_t merged;     /* replaced by a newer one in the server's queue before it was sent */
    uint64_t doubled;    /* the same post again */
    uint64_t misordered; /* an older post after a newer one (not the begin of a recording's next loop) */
    uint64_t unknown;    /* serials that the recording does not hold */
    uint64_t wrong_sums; /* the data are not the serial's */
    size_t first_wrong;  /* index of the first of those */
};

/* elements: of each frame, for the sums. False: out of memory. */
bool bench_count_frames(const struct bench_frame *frames, size_t n, const struct bench_posts *posts, size_t elements,
                        struct bench_frames *count);

#endif
