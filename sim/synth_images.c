/* area-detector: DBR_SHORT images whose frames carry their serial number (base/frame.h). Frame 0 is there before time 0, as the
 * first update of whoever subscribes; frame k is due at t0 + k ticks of the rate and stamped with that time. All images show the
 * same frame. */
#include "sim/synth_parts.h"

#include "base/frame.h"

#include <string.h>

#define DEFAULT_NAME    "area-detector:image"
#define DEFAULT_WIDTH   640u
#define DEFAULT_HEIGHT  480u
#define DEFAULT_RATE_HZ 120u
#define PIECE           131072u /* elements made in one go, in idle time */
#define MOST_ELEMENTS   (UINT32_C(1) << 26)

/* Two frames, so that they stay in the processor's cache from their making to their last send, and the next is made of one that
 * is there. */
struct images {
    struct clock_rate rate;
    bool asap;
    size_t elements;
    uint8_t *shown; /* frame next - 1 */
    uint8_t *spare; /* frame `old`, whose first `made` elements are those of `next` already */
    uint64_t old;
    size_t made;
    uint64_t t0_ns, stamp_ns;
    uint64_t next;   /* serial of the frame that is due next */
    uint32_t posted; /* PVs that show it already; the others show the one before */
};

static uint64_t offset_ns(const struct images *images, uint64_t serial)
{
    return clock_tick_ns(images->rate, serial);
}

static void start(void *self, uint64_t t0_ns, uint64_t stamp_ns)
{
    struct synth *synth = self;
    struct images *images = synth->images;
    images->t0_ns = t0_ns;
    images->stamp_ns = stamp_ns;
    for (uint32_t i = 0; i < synth->npvs; i++)
        synth->pvs[i].pv.value.stamp = synth_stamp(stamp_ns);
}

static uint64_t next_ns(void *self)
{
    const struct images *images = ((struct synth *)self)->images;
    return images->asap ? 0 : images->t0_ns + offset_ns(images, images->next);
}

/* More of the next frame. */
static void make(struct images *images, size_t most)
{
    const size_t left = images->elements - images->made, n = left < most ? left : most;
    frame_turn_be(images->spare, images->made, images->made + n, images->old, images->next);
    images->made += n;
}

static bool prepare(void *self, uint64_t until_ns)
{
    (void)until_ns;
    struct images *images = ((struct synth *)self)->images;
    if (images->made < images->elements)
        make(images, PIECE);
    return images->made < images->elements;
}

/* All PVs show the spare frame: it is `next`. */
static void turn_page(struct images *images)
{
    uint8_t *const shown = images->shown;
    images->shown = images->spare;
    images->spare = shown;
    images->old = images->next++ - 1;
    images->made = 0;
    images->posted = 0;
}

/* There was no time before: the frame that is shown becomes the next where it lies, which is in the processor's cache. */
static void turn_shown(struct images *images)
{
    frame_turn_be(images->shown, 0, images->elements, images->next - 1, images->next);
    images->next++;
}

static struct sim_pv *change(void *self, unsigned *mask)
{
    struct synth *synth = self;
    struct images *images = synth->images;
    struct sim_pv *pv = &synth->pvs[images->posted].pv;
    pv->value.stamp = synth_stamp(images->stamp_ns + offset_ns(images, images->next));
    *mask = WIRE_MASK_VALUE | WIRE_MASK_LOG;
    if (images->made == 0 && synth->npvs == 1) {
        turn_shown(images);
        return pv;
    }
    make(images, images->elements);
    pv->value.data = images->spare;
    if (++images->posted == synth->npvs)
        turn_page(images);
    return pv;
}

static uint32_t put(void *self, struct sim_pv *pv, unsigned type, uint32_t count, const uint8_t *payload, uint32_t size,
                    uint64_t now_ns, unsigned *mask)
{
    (void)self, (void)pv, (void)type, (void)count, (void)payload, (void)size, (void)now_ns, (void)mask;
    return WIRE_ECA_PUTFAIL; /* never asked: the images are read-only */
}

static const struct sim_source_calls calls = {
    .find = synth_find, .start = start, .next_ns = next_ns, .change = change, .prepare = prepare, .put = put};

static int make_frames(struct synth *synth, const struct synth_config *config, struct diag *diag)
{
    struct images *images = synth->images = calloc(1, sizeof *images);
    if (images == NULL)
        return diag_fail(diag, DIAG_ENVIRONMENT, "no memory for images");
    bool given = config->size.width != 0;
    images->rate = config->rate.num != 0 ? config->rate : (struct clock_rate){DEFAULT_RATE_HZ, 1};
    images->asap = config->asap;
    images->elements = given ? (size_t)config->size.width * config->size.height : DEFAULT_WIDTH * DEFAULT_HEIGHT;
    if (images->elements < 4 || images->elements > MOST_ELEMENTS)
        return diag_fail(diag, DIAG_USAGE, "--size: %ux%u has %zu elements, needs 4 to %u", config->size.width,
                         config->size.height, images->elements, MOST_ELEMENTS);
    images->shown = malloc(2 * images->elements);
    images->spare = malloc(2 * images->elements);
    if (images->shown == NULL || images->spare == NULL)
        return diag_fail(diag, DIAG_ENVIRONMENT, "no memory for images of %zu elements", images->elements);
    frame_fill_be(images->shown, 0, images->elements, 0);
    frame_fill_be(images->spare, 0, images->elements, 1);
    images->next = 1;
    images->made = images->elements;
    return 0;
}

static int add_image(struct synth *synth, const char *name, struct diag *diag)
{
    struct synth_pv *made = synth_add(synth, name, diag);
    if (made == NULL)
        return -1;
    uint32_t count = (uint32_t)synth->images->elements;
    made->pv.native = WIRE_INT16;
    made->pv.count = count;
    made->pv.rights = WIRE_RIGHT_READ;
    made->pv.value = (struct wire_value){.data = synth->images->shown,
                                         .count = count,
                                         .base = WIRE_INT16,
                                         .has_alarm = true,
                                         .has_stamp = true,
                                         .ackt = 1,
                                         .stamp = synth_stamp(synth->now_ns)};
    return 0;
}

int images_make(struct synth *synth, const struct synth_config *config, struct diag *diag)
{
    static const struct option_list standard = {.at = {DEFAULT_NAME}, .count = 1};
    const struct option_list *names = config->names.count > 0 ? &config->names : &standard;
    if (config->count != 0)
        return diag_fail(diag, DIAG_USAGE, "area-detector takes --pv, --rate, --asap and --size, not --count");
    synth->source.calls = &calls;
    memcpy(synth->meta.record_type, "waveform", 8);
    synth->meta.has = WIRE_META_CLASS;
    if (synth_reserve(synth, names->count, diag) < 0 || make_frames(synth, config, diag) < 0)
        return -1;
    for (unsigned i = 0; i < names->count; i++)
        if (add_image(synth, names->at[i], diag) < 0)
            return -1;
    return 0;
}

void images_free(struct images *images)
{
    free(images->shown);
    free(images->spare);
    free(images);
}
