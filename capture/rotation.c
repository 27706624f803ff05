#include "capture/rotation.h"

#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* Of the last file's number; none where there is but one. */
static unsigned digits(unsigned files)
{
    unsigned n = 0;
    for (unsigned last = files > 0 ? files - 1 : 0; last > 0; last /= 10)
        n++;
    return n;
}

/* By time, the path is a format; by size, a number is behind it, but not behind the first of any number, nor behind the only one.
 */
void rotation_name(const struct rotation *r, char *path, size_t room)
{
    const struct rotation_rules *rules = &r->rules;
    time_t s = (time_t)(r->begin_ns / CLOCK_NS);
    struct tm tm;
    if (rules->by_seconds == 0 || strftime(path, room, rules->path, localtime_r(&s, &tm)) == 0)
        snprintf(path, room, "%s", rules->path);
    const size_t n = strlen(path);
    const bool is_ring = rules->by_bytes != 0 && rules->by_seconds == 0 && rules->files != 0;
    const uint64_t number = is_ring ? r->number % rules->files : r->number;
    const unsigned width = rules->by_bytes != 0 ? digits(rules->files) : 0;
    if (number > 0 || width > 0)
        snprintf(path + n, room - n, "%0*" PRIu64, (int)width, number);
}

enum rotation_step rotation_step(struct rotation *r, uint64_t now_ns, uint64_t bytes)
{
    const struct rotation_rules *rules = &r->rules;
    const uint64_t age_s = now_ns > r->begin_ns ? (now_ns - r->begin_ns) / CLOCK_NS : 0;
    bool is_old = rules->by_seconds != 0 && age_s >= rules->by_seconds;
    bool is_large = rules->by_bytes != 0 && bytes > rules->by_bytes;
    if (!is_old && !is_large)
        return ROTATION_STAY;
    r->number++;
    if (is_old) {
        r->begin_ns += age_s / rules->by_seconds * rules->by_seconds * CLOCK_NS;
        r->number = 0;
        r->slices++;
    }
    if (rules->by_seconds != 0 && rules->by_bytes == 0 && rules->files != 0 && r->slices == rules->files)
        return ROTATION_END;
    return ROTATION_NEXT;
}
