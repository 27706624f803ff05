#include "clients/ioc/source.h"

#include "base/clock.h"
#include "base/frame.h"
#include "base/options.h"

#include <aiRecord.h>
#include <dbAccess.h>
#include <dbLock.h>
#include <dbStaticLib.h>
#include <math.h>
#include <menuFtype.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <waveformRecord.h>

struct mover {
    struct dbCommon *record;
    void (*advance)(struct mover *mover, uint64_t k); /* puts the k-th value into the record, whose lock is held */
    double start;                                     /* of a counter */
    struct mover *next;
};

/* All that moves at one rate. */
struct beat {
    struct clock_rate rate;
    struct mover *movers;
    uint64_t begun; /* the k of its first values */
    pthread_t thread;
};

#define BEATS_MAX 16

static struct {
    struct beat beats[BEATS_MAX];
    unsigned nbeats, nthreads;
    uint64_t anchor_ns, anchor_real_ns; /* the same moment on both clocks */
    pthread_mutex_t lock;
    pthread_cond_t stopping;
    bool stop;
} source = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* ---- what moves ---- */

static void advance_frame(struct mover *mover, uint64_t k)
{
    struct waveformRecord *image = (struct waveformRecord *)mover->record;
    frame_fill(image->bptr, image->nelm, k);
    image->nord = image->nelm;
}

static void advance_count(struct mover *mover, uint64_t k)
{
    struct aiRecord *counter = (struct aiRecord *)mover->record;
    double above = mover->start - counter->lopr + (double)k, range = counter->hopr - counter->lopr + 1;
    counter->val = counter->lopr + (range > 1 ? fmod(above, range) : above);
    counter->udf = FALSE;
}

static bool can_hold_frames(const struct waveformRecord *image)
{
    return (image->ftvl == menuFtypeSHORT || image->ftvl == menuFtypeUSHORT) && image->nelm >= 4;
}

/* ---- the threads ---- */

/* True at the deadline, false if the source is to stop before. */
static bool wait_until(uint64_t due_ns)
{
    struct timespec due = {.tv_sec = (time_t)(due_ns / CLOCK_NS), .tv_nsec = (long)(due_ns % CLOCK_NS)};
    pthread_mutex_lock(&source.lock);
    int status = 0;
    while (!source.stop && status == 0)
        status = pthread_cond_timedwait(&source.stopping, &source.lock, &due);
    bool stop = source.stop;
    pthread_mutex_unlock(&source.lock);
    return !stop;
}

static void post(struct mover *mover, uint64_t k, uint64_t due_real_ns)
{
    struct dbCommon *record = mover->record;
    dbScanLock(record);
    mover->advance(mover, k);
    record->time.secPastEpoch = (epicsUInt32)(due_real_ns / CLOCK_NS - CLOCK_EPICS_EPOCH);
    record->time.nsec = (epicsUInt32)(due_real_ns % CLOCK_NS);
    dbProcess(record);
    dbScanUnlock(record);
}

static void post_all(const struct beat *beat, uint64_t k)
{
    for (struct mover *mover = beat->movers; mover != NULL; mover = mover->next)
        post(mover, k, source.anchor_real_ns + clock_tick_ns(beat->rate, k));
}

static void *run_beat(void *arg)
{
    const struct beat *beat = arg;
    for (uint64_t k = beat->begun + 1; wait_until(source.anchor_ns + clock_tick_ns(beat->rate, k)); k++)
        post_all(beat, k);
    return NULL;
}

/* The last value that was due by now is there before a client can read: an image is never empty. */
static void begin(struct beat *beat)
{
    uint64_t now_ns = clock_monotonic_ns();
    while (source.anchor_ns + clock_tick_ns(beat->rate, beat->begun + 1) <= now_ns)
        beat->begun++;
    post_all(beat, beat->begun);
}

static void set_anchor(void)
{
    uint64_t real_ns = clock_realtime_ns();
    source.anchor_real_ns = real_ns - real_ns % CLOCK_NS;
    source.anchor_ns = clock_monotonic_ns() - real_ns % CLOCK_NS;
}

int ioc_source_start(struct diag *diag)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&source.stopping, &monotonic);
    pthread_condattr_destroy(&monotonic);
    set_anchor();
    for (; source.nthreads < source.nbeats; source.nthreads++) {
        struct beat *beat = &source.beats[source.nthreads];
        begin(beat);
        if (pthread_create(&beat->thread, NULL, run_beat, beat) != 0)
            return diag_fail(diag, DIAG_ENVIRONMENT, "cannot start a thread for the moving records");
    }
    return 0;
}

void ioc_source_stop(void)
{
    if (source.nthreads == 0)
        return;
    pthread_mutex_lock(&source.lock);
    source.stop = true;
    pthread_cond_broadcast(&source.stopping);
    pthread_mutex_unlock(&source.lock);
    while (source.nthreads > 0)
        pthread_join(source.beats[--source.nthreads].thread, NULL);
}

/* ---- finding the records ---- */

static struct beat *beat_of(struct clock_rate rate)
{
    for (unsigned i = 0; i < source.nbeats; i++) {
        struct beat *beat = &source.beats[i];
        if (beat->rate.num * rate.den == rate.num * beat->rate.den)
            return beat;
    }
    if (source.nbeats == BEATS_MAX)
        return NULL;
    struct beat *beat = &source.beats[source.nbeats++];
    beat->rate = rate;
    return beat;
}

static int add(struct dbCommon *record, const char *tag, const char *text, struct mover like, struct diag *diag)
{
    struct clock_rate rate;
    if (options_rate(text, &rate) < 0)
        return diag_fail(diag, DIAG_USAGE, "%s: info(%s, \"%s\"): the value must be a rate, like 120Hz", record->name, tag, text);
    struct beat *beat = beat_of(rate);
    struct mover *mover = malloc(sizeof *mover);
    if (beat == NULL || mover == NULL)
        return diag_fail(diag, DIAG_USAGE, "%s: info(%s, \"%s\"): at most %d different rates", record->name, tag, text,
                         BEATS_MAX);
    *mover = like;
    mover->record = record;
    mover->next = beat->movers;
    beat->movers = mover;
    return 0;
}

static int find_in_record(DBENTRY *entry, struct diag *diag)
{
    struct dbCommon *record = entry->precnode->precord;
    const char *type = dbGetRecordTypeName(entry);
    const char *frames = dbGetInfo(entry, "caplay:frames"), *count = dbGetInfo(entry, "caplay:count");
    if (frames != NULL) {
        if (strcmp(type, "waveform") != 0 || !can_hold_frames((struct waveformRecord *)record))
            return diag_fail(diag, DIAG_USAGE, "%s: info(caplay:frames) needs a waveform with FTVL SHORT or USHORT and NELM >= 4",
                             record->name);
        return add(record, "caplay:frames", frames, (struct mover){.advance = advance_frame}, diag);
    }
    if (count != NULL) {
        if (strcmp(type, "ai") != 0)
            return diag_fail(diag, DIAG_USAGE, "%s: info(caplay:count) needs an ai record, this is %s", record->name, type);
        double start = ((struct aiRecord *)record)->val;
        return add(record, "caplay:count", count, (struct mover){.advance = advance_count, .start = start}, diag);
    }
    return 0;
}

int ioc_source_find(struct diag *diag)
{
    int result = 0;
    DBENTRY entry;
    dbInitEntry(pdbbase, &entry);
    for (long type = dbFirstRecordType(&entry); type == 0 && result == 0; type = dbNextRecordType(&entry))
        for (long record = dbFirstRecord(&entry); record == 0 && result == 0; record = dbNextRecord(&entry))
            if (!dbIsAlias(&entry))
                result = find_in_record(&entry, diag);
    dbFinishEntry(&entry);
    return result;
}
