#include "clients/bench/frames.h"

#include "base/frame.h"

#include <stdlib.h>

/* A post is counted through all loops: post p of a recording of n is its p % n in loop p / n. */
#define NOT_POSTED UINT64_MAX

struct walk {
    const struct bench_posts *posts;
    int64_t *origin; /* of each loop: what the server adds to its posts' times, from the frame with the least delay */
    uint64_t loops;
};

static int64_t offset_ns(const struct bench_posts *posts, uint64_t post)
{
    if (posts->count == 0)
        return (int64_t)clock_tick_ns(posts->rate, post);
    return (int64_t)posts->stamps_ns[post % posts->count];
}

static uint64_t loop_of(const struct bench_posts *posts, uint64_t post)
{
    return posts->count == 0 ? 0 : post / posts->count;
}

/* The first post from `from` on that bears this serial, within one loop. */
static uint64_t find_post(const struct bench_posts *posts, uint64_t serial, uint64_t from)
{
    if (posts->count == 0)
        return serial;
    for (uint64_t p = from; p < from + posts->count; p++)
        if (posts->serials[p % posts->count] == serial)
            return p;
    return NOT_POSTED;
}

/* Number each frame's post. A frame that repeats the one before is the same post again. */
static void number_posts(const struct bench_frame *frames, size_t n, const struct bench_posts *posts, uint64_t *post)
{
    uint64_t next = 0;
    for (size_t i = 0; i < n; i++) {
        bool again = i > 0 && frames[i].serial == frames[i - 1].serial && post[i - 1] != NOT_POSTED;
        post[i] = again ? post[i - 1] : find_post(posts, frames[i].serial, next);
        if (post[i] != NOT_POSTED)
            next = post[i] + 1;
    }
}

/* A frame's stamp is never later than its post's time, and some frame of every loop was not merged: the latest tells the origin.
 */
static bool find_origins(struct walk *w, const struct bench_frame *frames, const uint64_t *post, size_t n)
{
    w->loops = 1;
    for (size_t i = 0; i < n; i++)
        if (post[i] != NOT_POSTED && loop_of(w->posts, post[i]) >= w->loops)
            w->loops = loop_of(w->posts, post[i]) + 1;
    w->origin = malloc(w->loops * sizeof *w->origin);
    if (w->origin == NULL)
        return false;
    for (uint64_t l = 0; l < w->loops; l++)
        w->origin[l] = INT64_MIN;
    for (size_t i = 0; i < n; i++) {
        if (post[i] == NOT_POSTED)
            continue;
        int64_t origin = (int64_t)frames[i].stamp_ns - offset_ns(w->posts, post[i]);
        int64_t *latest = &w->origin[loop_of(w->posts, post[i])];
        if (origin > *latest)
            *latest = origin;
    }
    return true;
}

/* The post whose time stamp a frame bears: `post` itself, or an earlier one after `before` where posts were merged. */
static uint64_t stamped_post(const struct walk *w, uint64_t post, uint64_t before, uint64_t stamp_ns)
{
    const int64_t slack = 1000000; /* stamps are exact; below any period of ours */
    uint64_t s = post;
    while (s > before + 1) {
        int64_t origin = w->origin[loop_of(w->posts, s)];
        if (origin != INT64_MIN && origin + offset_ns(w->posts, s) <= (int64_t)stamp_ns + slack)
            break;
        s--;
    }
    return s;
}

static void classify(const struct walk *w, const struct bench_frame *frames, const uint64_t *post, size_t n,
                     struct bench_frames *count)
{
    uint64_t before = NOT_POSTED;
    for (size_t i = 0; i < n; i++) {
        if (post[i] == NOT_POSTED) {
            count->unknown++;
            continue;
        }
        if (before != NOT_POSTED && post[i] == before)
            count->doubled++;
        else if (before != NOT_POSTED && post[i] < before) {
            count->misordered++;
            continue;
        } else if (before != NOT_POSTED) {
            uint64_t stamped = stamped_post(w, post[i], before, frames[i].stamp_ns);
            count->lost += stamped - before - 1;
            count->merged += post[i] - stamped;
        }
        before = post[i];
    }
}

static void check_sums(const struct bench_frame *frames, size_t n, size_t elements, struct bench_frames *count)
{
    struct frame_sums sums;
    frame_sums_init(&sums, elements);
    for (size_t i = 0; i < n; i++)
        if (frames[i].sum != frame_sums_get(&sums, frames[i].serial) && count->wrong_sums++ == 0)
            count->first_wrong = i;
}

bool bench_count_frames(const struct bench_frame *frames, size_t n, const struct bench_posts *posts, size_t elements,
                        struct bench_frames *count)
{
    *count = (struct bench_frames){.delivered = n};
    struct walk walk = {.posts = posts};
    uint64_t *post = malloc((n + 1) * sizeof *post);
    bool good = post != NULL;
    if (good) {
        number_posts(frames, n, posts, post);
        good = find_origins(&walk, frames, post, n);
    }
    if (good) {
        classify(&walk, frames, post, n, count);
        check_sums(frames, n, elements, count);
    }
    free(walk.origin);
    free(post);
    return good;
}
