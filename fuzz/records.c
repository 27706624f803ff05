/* The records of records.yaml as a source: names with fields, slices and filters, and puts that process. Making it takes much
 * longer than a run, so it is made anew only now and then: what fails may need the puts of some runs before. */
#include "fuzz/source.h"

#include "fuzz/fuzz.h"
#include "sim/database.h"
#include "traces/scenario.h"

#define RUNS   200u /* of one database */
#define NOW_NS (UINT64_C(1767268800) * CLOCK_NS)

static struct {
    struct sim sim;
    struct sim_source source;
    struct sim_source_calls calls; /* the database's, with the fuzzer's delays */
    struct database *database;
    const uint64_t *delay_ns;
    unsigned runs;
} at;

static uint64_t delay_ns(void *self, struct sim_pv *pv, enum sim_class class)
{
    (void)self, (void)pv;
    return at.delay_ns[class];
}

static void make(void)
{
    struct diag diag = {0};
    FILE *f = fopen(FUZZ_RECORDS, "re");
    FUZZ_HOLDS(f != NULL);
    struct scenario *scenario = scenario_read(f, FUZZ_RECORDS, &diag);
    fclose(f);
    FUZZ_HOLDS(scenario != NULL &&
               (at.database = database_new(scenario, (struct clock_pair){.realtime_ns = NOW_NS}, &diag)) != NULL);
    at.source = *database_source(at.database);
    at.calls = *at.source.calls;
    at.calls.delay_ns = delay_ns;
    at.source.calls = &at.calls;
}

struct sim *fuzz_source_begin(const uint64_t delays_ns[SIM_CLASSES])
{
    if (at.database == NULL)
        make();
    at.delay_ns = delays_ns;
    memset(&at.sim, 0, offsetof(struct sim, late));
    sim_init(&at.sim, &at.source);
    return &at.sim;
}

void fuzz_source_end(void)
{
    if (++at.runs % RUNS != 0)
        return;
    database_free(at.database);
    at.database = NULL;
}

/* Records change by puts only. */
void fuzz_source_change(struct sim *sim, uint64_t now_ns)
{
    (void)sim, (void)now_ns;
}
