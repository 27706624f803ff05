/* ten-thousand: DOUBLE scalars `ten-thousand:00000`... with value i + 0.5, still; puts are kept and posted. The same with the
 * names of a file. A PV is made when the first channel opens it: of a million names, most are only searched for. */
#include "sim/synth_parts.h"

#include "sim/directory.h"
#include "traces/scenario_names.h"

#include <string.h>

#define DEFAULT_COUNT 10000u

struct scalar {
    struct sim_pv pv;
    uint8_t bytes[8];
};

struct scalars {
    struct directory names;
    struct scalar **made;          /* by number; NULL: not opened yet */
    struct sim_searched *searched; /* of those, by number */
    struct sim_pv found;           /* stands for each of those in a search */
    struct wire_stamp stamp;
};

/* ---- names ---- */

/* A search leaves in `found` who it was. */
static struct sim_pv *find_unmade(struct scalars *scalars, uint32_t number)
{
    struct sim_pv *found = &scalars->found;
    scalars->searched[found->index] = found->searched;
    found->index = number;
    found->searched = scalars->searched[number];
    return found;
}

static struct sim_pv *find(void *self, const char *name, size_t length)
{
    struct scalars *scalars = ((struct synth *)self)->scalars;
    const uint32_t number = directory_find(&scalars->names, name, sim_record_length(name, length));
    if (number == LOOKUP_NONE)
        return NULL;
    return scalars->made[number] != NULL ? &scalars->made[number]->pv : find_unmade(scalars, number);
}

static struct scalar *make(const struct synth *synth, uint32_t number)
{
    struct scalars *scalars = synth->scalars;
    struct scalar *made = calloc(1, sizeof *made);
    const double value = number + 0.5;
    uint64_t bits;
    if (made == NULL)
        return NULL;
    scalars->searched[scalars->found.index] = scalars->found.searched;
    memcpy(&bits, &value, sizeof bits);
    wire_put64(made->bytes, bits);
    made->pv = (struct sim_pv){.name = directory_text(&scalars->names, number),
                               .index = number,
                               .meta = &synth->meta,
                               .native = WIRE_DOUBLE,
                               .count = 1,
                               .rights = WIRE_RIGHT_READ | WIRE_RIGHT_WRITE,
                               .searched = scalars->searched[number]};
    made->pv.value = (struct wire_value){.data = made->bytes,
                                         .count = 1,
                                         .base = WIRE_DOUBLE,
                                         .has_alarm = true,
                                         .has_stamp = true,
                                         .ackt = 1,
                                         .stamp = scalars->stamp};
    return made;
}

static struct sim_pv *open_pv(void *self, const char *name, size_t length, struct filters *filters)
{
    (void)filters; /* as little as a recording's PVs */
    const struct synth *synth = self;
    const struct scalars *scalars = synth->scalars;
    const uint32_t number = directory_find(&scalars->names, name, sim_record_length(name, length));
    if (number == LOOKUP_NONE)
        return NULL;
    if (scalars->made[number] == NULL)
        scalars->made[number] = make(synth, number);
    return scalars->made[number] != NULL ? &scalars->made[number]->pv : NULL;
}

/* ---- time: nothing changes by itself ---- */

static void start(void *self, uint64_t t0_ns, uint64_t stamp_ns)
{
    (void)self;
    (void)t0_ns;
    (void)stamp_ns;
}

static uint64_t next_ns(void *self)
{
    (void)self;
    return CLOCK_NEVER;
}

/* Posts as a record with deadbands of 0 does: only where the value changes (ca-protocol 6.5). */
static uint32_t put(void *self, struct sim_pv *pv, unsigned type, uint32_t count, const uint8_t *payload, uint32_t size,
                    uint64_t now_ns, unsigned *mask)
{
    const struct synth *synth = self;
    struct scalar *kept = synth->scalars->made[pv->index];
    uint8_t bytes[sizeof kept->bytes];
    uint32_t written = 0;
    uint32_t status = wire_put_convert(type, count, payload, size, pv->native, pv->meta, bytes, 1, &written);
    if (status != WIRE_ECA_NORMAL)
        return status;
    pv->value.stamp = synth_stamp(now_ns + synth->realtime_ns);
    if (written == 1 && memcmp(bytes, kept->bytes, sizeof bytes) != 0) {
        memcpy(kept->bytes, bytes, sizeof bytes);
        *mask = WIRE_MASK_VALUE | WIRE_MASK_LOG;
    }
    return status;
}

static const struct sim_source_calls calls = {.find = find, .open = open_pv, .start = start, .next_ns = next_ns, .put = put};

/* ---- set-up ---- */

static const char *take_name(void *arg, const char *name, size_t length)
{
    struct directory *names = &((struct scalars *)arg)->names;
    if (directory_find(names, name, length) != LOOKUP_NONE)
        return "comes twice";
    return directory_add(names, name, length) < 0 ? "has no room in memory" : NULL;
}

static int take_file(struct scalars *scalars, const char *file_name, struct diag *diag)
{
    const struct scenario_names names = {take_name, scalars};
    FILE *file = fopen(file_name, "re");
    if (file == NULL)
        return diag_errno(diag, DIAG_USAGE, "cannot read %s", file_name);
    int result = scenario_names_read(file, file_name, &names, diag);
    fclose(file);
    if (result == 0 && scalars->names.count == 0)
        return diag_fail(diag, DIAG_USAGE, "%s: it has no names", file_name);
    return result;
}

static int take_numbers(struct scalars *scalars, uint32_t n, struct diag *diag)
{
    for (uint32_t i = 0; i < n; i++) {
        char name[SYNTH_NAME_BYTES];
        int length = snprintf(name, sizeof name, "ten-thousand:%05u", i);
        if (directory_add(&scalars->names, name, (size_t)length) < 0)
            return diag_fail(diag, DIAG_ENVIRONMENT, "no memory for %u names", n);
    }
    return 0;
}

static int reserve(struct scalars *scalars, struct diag *diag)
{
    const size_t n = scalars->names.count;
    directory_settle(&scalars->names);
    scalars->made = calloc(n, sizeof *scalars->made);
    scalars->searched = calloc(n, sizeof *scalars->searched);
    return scalars->made != NULL && scalars->searched != NULL ? 0 : diag_fail(diag, DIAG_ENVIRONMENT, "no memory for %zu PVs", n);
}

int scalars_make(struct synth *synth, const struct synth_config *config, struct diag *diag)
{
    uint32_t n = config->count != 0 ? (uint32_t)config->count : DEFAULT_COUNT;
    if (config->file != NULL && config->count != 0)
        return diag_fail(diag, DIAG_USAGE, "--count is for ten-thousand; %s has names of its own", config->file);
    if (config->names.count > 0 || config->rate.num != 0 || config->asap || config->size.width != 0)
        return diag_fail(diag, DIAG_USAGE, "%s takes %s, not --pv, --rate, --asap or --size",
                         config->file != NULL ? config->file : "ten-thousand", config->file != NULL ? "no count" : "--count");
    struct scalars *scalars = synth->scalars = calloc(1, sizeof *scalars);
    if (scalars == NULL)
        return diag_fail(diag, DIAG_ENVIRONMENT, "no memory for %u PVs", n);
    directory_init(&scalars->names);
    scalars->stamp = synth_stamp(synth->now_ns);
    scalars->found.name = "";
    synth->source.calls = &calls;
    synth->meta.has = WIRE_META_PRECISION | WIRE_META_UNITS | WIRE_META_CLASS;
    synth->meta.precision = 3;
    memcpy(synth->meta.units, "mm", 2);
    memcpy(synth->meta.record_type, "ai", 2);
    if ((config->file != NULL ? take_file(scalars, config->file, diag) : take_numbers(scalars, n, diag)) < 0)
        return -1;
    return reserve(scalars, diag);
}

void scalars_free(struct scalars *scalars)
{
    for (uint32_t i = 0; scalars->made != NULL && i < scalars->names.count; i++)
        free(scalars->made[i]);
    free(scalars->made);
    free(scalars->searched);
    directory_fini(&scalars->names);
    free(scalars);
}
