/* What a trace lacks, each loss at its place: written, grown, bounded, copied, and whom it concerns. */
#include "traces/losses.h"

#include "tests/placed.h"
#include "tests/small_trace.h"
#include "traces/copy.h"
#include "traces/reach.h"

/* ---- writing ---- */

static const struct trace_loss gap = {
    .t_ns = 2000, .until_ns = 2500, .bytes = 40, .count = 1, .kind = TRACE_LOSS_GAP, .flags = TRACE_FROM_SERVER};

static void losses_come_back_in_the_order_of_time(void **state)
{
    (void)state;
    struct trace_writer *w = begin();
    struct trace_loss loss = gap;
    struct trace t;
    trace_writer_circuit(w);
    trace_writer_loss(w, &loss);
    loss.t_ns = 1000;
    loss.kind = TRACE_LOSS_CUT;
    loss.circuit = TRACE_NONE;
    trace_writer_loss(w, &loss);
    finish(w);
    open_good(&t);
    assert_int_equal(t.nlosses, 2);
    assert_int_equal(t.losses[0].t_ns, 1000);
    assert_string_equal(losses_kind(t.losses[0].kind), "cut");
    assert_null(losses_sender(&t.losses[0]));
    assert_memory_equal(&t.losses[1], &gap, sizeof gap);
    assert_string_equal(losses_sender(&t.losses[1]), "server");
    trace_close(&t);
}

static void what_goes_on_is_one_loss(void **state)
{
    (void)state;
    struct losses l = {0};
    struct trace_loss loss = gap;
    assert_true(losses_add_on(&l, &loss, 0));
    loss.t_ns = 2500;
    loss.until_ns = 2600;
    loss.count = 0;
    assert_true(losses_add_on(&l, &loss, 0));
    loss.circuit = 7; /* another one's is in between */
    assert_true(losses_add_on(&l, &loss, 0));
    loss.circuit = 0;
    loss.t_ns = loss.until_ns = 3000;
    assert_true(losses_add_on(&l, &loss, 400));
    assert_true(losses_add_on(&l, &loss, 0));
    loss.t_ns = loss.until_ns = 3001; /* too late */
    assert_true(losses_add_on(&l, &loss, 0));
    const struct trace_loss *all = l.records.at;
    assert_int_equal(l.records.count, 3);
    assert_int_equal(all[0].t_ns, 2000);
    assert_int_equal(all[0].until_ns, 3000);
    assert_int_equal(all[0].bytes, 4 * 40);
    assert_int_equal(all[0].count, 1);
    assert_int_equal(l.changed.count, 3);
    losses_fini(&l);
}

static void beyond_the_bound_losses_only_count(void **state)
{
    (void)state;
    struct trace_writer *w = begin();
    struct trace t;
    trace_writer_circuit(w);
    for (uint64_t i = 0; i < TRACE_LOSSES_MAX + 5; i++) {
        struct trace_loss loss = gap;
        loss.t_ns = loss.until_ns = i * 1000;
        trace_writer_loss_on(w, &loss, 0);
    }
    struct diag diag = {0};
    struct trace_meta lacking = meta;
    lacking.missing = (struct trace_missing){.gaps = TRACE_LOSSES_MAX + 5, .gap_bytes = (TRACE_LOSSES_MAX + 5) * 40};
    assert_int_equal(trace_writer_finish(w, &lacking, &diag), 0);
    open_good(&t);
    assert_int_equal(t.nlosses, TRACE_LOSSES_MAX);
    const struct trace_missing unplaced = losses_unplaced(&t);
    assert_int_equal(unplaced.gaps, 5);
    assert_int_equal(unplaced.gap_bytes, 200);
    assert_int_equal(unplaced.kernel_drops + unplaced.cut_packets + unplaced.midway + unplaced.malformed, 0);
    trace_close(&t);
}

/* ---- copying ---- */

/* A circuit from 0 on that lost something at 2,000, one from 6,000 on that did at 8,000; 3 packets dropped at 4,000 to 9,000. */
static void write_lacking(void)
{
    struct trace_writer *w = begin();
    struct diag diag = {0};
    struct trace_meta lacking = meta;
    struct trace_loss loss = gap;
    lacking.missing = (struct trace_missing){.packets = 12, .kernel_drops = 3, .gaps = 2, .gap_bytes = 80};
    for (uint32_t i = 0; i < 2; i++) {
        trace_writer_circuit(w);
        trace_writer_circuit_at(w, i)->flags = TRACE_TCP | TRACE_GAP;
        trace_writer_circuit_at(w, i)->begin_ns = i * 6000;
        loss.circuit = i;
        loss.t_ns = 2000 + i * 6000;
        loss.until_ns = loss.t_ns + 500;
        trace_writer_loss(w, &loss);
    }
    loss = (struct trace_loss){.t_ns = 4000, .until_ns = 9000, .count = 3, .circuit = TRACE_NONE, .kind = TRACE_LOSS_DROPPED};
    trace_writer_loss(w, &loss);
    if (trace_writer_finish(w, &lacking, &diag) < 0)
        fail_msg("%s", diag.text);
}

/* The trace at `path` becomes the copy. */
static void make_copy(const struct copy *rules, struct trace *copied)
{
    struct trace t;
    struct diag diag = {0};
    open_good(&t);
    assert_placed(&t);
    struct trace_meta kept = meta;
    kept.missing = copy_missing(&t, rules);
    struct trace_writer *w = begin();
    if (copy_trace(&t, rules, w, &diag) < 0 || trace_writer_finish(w, &kept, &diag) < 0)
        fail_msg("%s", diag.text);
    trace_close(&t);
    open_good(copied);
    assert_placed(copied);
}

static void a_part_lacks_what_was_lost_in_its_time(void **state)
{
    (void)state;
    struct trace t;
    write_lacking();
    make_copy(&(struct copy){.from_ns = 3000, .to_ns = 7000}, &t);
    assert_int_equal(t.missing.packets, 12);
    assert_int_equal(t.missing.gaps, 0);
    assert_int_equal(t.missing.kernel_drops, 3);
    assert_int_equal(t.missing.midway, 1); /* of the circuit from before */
    assert_int_equal(t.nlosses, 2);
    assert_int_equal(t.losses[0].kind, TRACE_LOSS_MIDWAY);
    assert_int_equal(t.losses[0].circuit, 0);
    assert_int_equal(t.losses[0].t_ns, 0);
    assert_int_equal(t.losses[1].t_ns, 1000);
    assert_int_equal(t.losses[1].until_ns, 4000); /* where the part ends */
    assert_int_equal(t.circuits[0].flags, TRACE_TCP | TRACE_MIDWAY);
    assert_int_equal(t.circuits[1].flags, TRACE_TCP);
    trace_close(&t);
}

static void all_of_a_trace_lacks_what_it_lacked_at_its_new_time(void **state)
{
    (void)state;
    struct trace t;
    write_lacking();
    make_copy(&(struct copy){.shift_ns = 5000, .to_ns = UINT64_MAX}, &t);
    assert_int_equal(t.nlosses, 3);
    assert_int_equal(t.losses[0].t_ns, 7000);
    assert_int_equal(t.losses[2].circuit, 1);
    assert_int_equal(t.losses[2].until_ns, 13500);
    assert_int_equal(t.circuits[0].flags, TRACE_TCP | TRACE_GAP);
    trace_close(&t);
}

/* Nobody knows whether the part has it. */
static void a_part_lacks_all_where_some_losses_have_no_place(void **state)
{
    (void)state;
    struct trace t;
    struct trace_writer *w = begin();
    struct diag diag = {0};
    struct trace_meta lacking = meta;
    trace_writer_circuit(w);
    trace_writer_loss(w, &gap);
    lacking.missing = (struct trace_missing){.gaps = 2, .gap_bytes = 80};
    assert_int_equal(trace_writer_finish(w, &lacking, &diag), 0);
    open_good(&t);
    const struct trace_missing missing = copy_missing(&t, &(struct copy){.from_ns = 5000, .to_ns = 6000});
    assert_int_equal(missing.gaps, 2);
    assert_int_equal(missing.gap_bytes, 80);
    trace_close(&t);
}

/* ---- whom it concerns ---- */

static void says(struct trace_writer *w, uint64_t t_ns, uint32_t pv, unsigned command, unsigned flags)
{
    const struct trace_event e = {
        .t_ns = t_ns, .pv = pv, .peer = TRACE_NONE, .command = (uint16_t)command, .flags = (uint16_t)flags};
    trace_writer_event(w, &e, NULL);
}

/* On one circuit: A from 1,000 to 3,000 and from 8,000 on, B twice from 2,000 on and cleared once at 4,000, C from nobody knows
 * when to 5,000, D refused at 2,000. */
static void write_channels(void)
{
    struct trace_writer *w = begin();
    enum { A, B, C, D };
    trace_writer_circuit(w);
    trace_writer_circuit_at(w, 0)->flags = TRACE_TCP;
    for (const char *name = "ABCD"; *name != '\0'; name++)
        trace_writer_pv(w, name, 1);
    says(w, 1000, A, WIRE_CREATE_CHAN, 0);
    says(w, 1100, A, WIRE_CREATE_CHAN, TRACE_FROM_SERVER);
    says(w, 1500, D, WIRE_CREATE_CHAN, 0);
    says(w, 2000, D, WIRE_CREATE_CH_FAIL, TRACE_FROM_SERVER);
    says(w, 2000, B, WIRE_CREATE_CHAN, 0);
    says(w, 2100, B, WIRE_CREATE_CHAN, 0);
    says(w, 3000, A, WIRE_CLEAR_CHANNEL, 0);
    says(w, 3100, A, WIRE_EVENT_ADD, TRACE_FROM_SERVER); /* it was on its way */
    says(w, 4000, B, WIRE_CLEAR_CHANNEL, 0);
    says(w, 4100, C, WIRE_READ_NOTIFY, TRACE_FROM_SERVER);
    says(w, 5000, C, WIRE_SERVER_DISCONN, TRACE_FROM_SERVER);
    says(w, 8000, A, WIRE_CREATE_CHAN, 0);
    trace_writer_loss(w, &gap);
    finish(w);
}

static void a_loss_concerns_the_pvs_that_had_a_channel_then(void **state)
{
    (void)state;
    static const struct {
        uint64_t from_ns, until_ns;
        const char *pvs;
    } rows[] = {{0, 500, "C"},     {1000, 1200, "AC"},  {1600, 2500, "ABCD"}, {3500, 3500, "BC"},
                {6000, 7000, "B"}, {2500, 9000, "ABC"}, {9000, 9000, "AB"}};
    struct trace t;
    write_channels();
    open_good(&t);
    struct reach *reach = reach_new(&t);
    assert_non_null(reach);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint32_t pvs[4];
        char found[5] = "";
        const struct trace_loss loss = {.t_ns = rows[i].from_ns, .until_ns = rows[i].until_ns, .kind = TRACE_LOSS_GAP};
        const uint32_t n = reach_pvs(reach, &loss, pvs, 4);
        for (uint32_t k = 0; k < n; k++)
            found[k] = *trace_pv_name(&t, pvs[k]);
        assert_string_equal(found, rows[i].pvs);
    }
    const struct trace_loss other = {.t_ns = 2000, .until_ns = 2000, .circuit = TRACE_NONE};
    assert_true(reach_is_any(&other));
    reach_free(reach);
    trace_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(losses_come_back_in_the_order_of_time),
        cmocka_unit_test(what_goes_on_is_one_loss),
        cmocka_unit_test(beyond_the_bound_losses_only_count),
        cmocka_unit_test(a_part_lacks_what_was_lost_in_its_time),
        cmocka_unit_test(all_of_a_trace_lacks_what_it_lacked_at_its_new_time),
        cmocka_unit_test(a_part_lacks_all_where_some_losses_have_no_place),
        cmocka_unit_test(a_loss_concerns_the_pvs_that_had_a_channel_then),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
