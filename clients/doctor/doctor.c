#include "clients/doctor/doctor.h"

#include "base/options.h"
#include "clients/bench/text.h"
#include "clients/command.h"

#include <jansson.h>
#include <string.h>

#define SAMPLE_NS (CLOCK_NS / 2)

struct settings {
    struct isolation_wish isolation;
    bool json;
};

static const struct option options[] = {
    {"json", .kind = OPTION_FLAG, .offset = offsetof(struct settings, json), .help = "one JSON object instead of lines"},
    ISOLATION_OPTIONS(struct settings, isolation),
};

static const struct option_command command = {
    .name = "doctor",
    .synopsis = "[--json] [--cpu N] [--realtime]",
    .about =
        "Tells what on this machine spoils timing, in about 3 seconds: a line a finding, with `good` or `bad` and how to mend "
        "it.\n"
        "Then it measures the floor that servers stand on here: how late a timer wakes a thread on a grid of 1 ms, asleep and\n"
        "spinning as servers do before a deadline, and how long an image of 614,400 bytes takes through loopback TCP. --cpu and\n"
        "--realtime are for the measuring thread, as they are for a server's.\n"
        "\n"
        "Exit codes: 0 whatever was found: a finding is for people, and a run tells itself whether it was valid; 2 usage;\n"
        "5 the floor could not be measured.",
    .examples = "caplay doctor\n"
                "caplay doctor --cpu 1 --realtime\n"
                "caplay doctor --json | python3 -m json.tool",
    .options = options,
    .noptions = sizeof options / sizeof *options,
};

void doctor_find(struct doctor *d, const char *what, bool is_good, const char *mend, const char *found, ...)
{
    va_list values;
    if (d->n == DOCTOR_FINDINGS)
        return;
    struct doctor_finding *f = &d->at[d->n++];
    *f = (struct doctor_finding){.what = what, .is_good = is_good};
    va_start(values, found);
    vsnprintf(f->found, sizeof f->found, found, values);
    va_end(values);
    snprintf(f->mend, sizeof f->mend, "%s", is_good ? "" : mend);
}

/* ---- lines ---- */

struct measure {
    const char *what, *name; /* for people; in JSON */
    struct doctor_quantiles q;
};

#define MEASURES 4

static void list_measures(const struct doctor_floor *floor, struct measure into[MEASURES])
{
    const struct measure all[MEASURES] = {
        {"wake-up, asleep", "wake_asleep", floor->sleeping},
        {"wake-up, spinning", "wake_spinning", floor->spinning},
        {"614,400 bytes sent", "send_614400", floor->send},
        {"... read and answered", "round_trip_614400", floor->round_trip},
    };
    memcpy(into, all, sizeof all);
}

static unsigned count_bad(const struct doctor *d)
{
    unsigned bad = 0;
    for (unsigned i = 0; i < d->n; i++)
        bad += !d->at[i].is_good;
    return bad;
}

static void print_measure(const struct measure *m)
{
    char p50[TEXT_NUMBER], p99[TEXT_NUMBER], max[TEXT_NUMBER];
    printf("floor %-22s p50 %s, p99 %s, max %s\n", m->what, text_seconds((double)m->q.p50_ns / 1e9, p50),
           text_seconds((double)m->q.p99_ns / 1e9, p99), text_seconds((double)m->q.max_ns / 1e9, max));
}

static void print_lines(const struct doctor *d, const struct doctor_floor *floor)
{
    struct measure measures[MEASURES];
    for (unsigned i = 0; i < d->n; i++) {
        const struct doctor_finding *f = &d->at[i];
        printf("%-5s %-22s %s\n", f->is_good ? "good" : "bad", f->what, f->found);
        if (!f->is_good)
            printf("%30s%s\n", "mend: ", f->mend);
    }
    printf("floor %-22s %llu ns\n", "reading the clock", (unsigned long long)floor->clock_ns);
    list_measures(floor, measures);
    for (unsigned i = 0; i < MEASURES; i++)
        print_measure(&measures[i]);
    printf("%u of %u bad\n", count_bad(d), d->n);
}

/* ---- JSON ---- */

static json_t *findings(const struct doctor *d)
{
    json_t *list = json_array();
    for (unsigned i = 0; i < d->n; i++) {
        const struct doctor_finding *f = &d->at[i];
        json_array_append_new(
            list, json_pack("{s:s, s:b, s:s, s:s}", "what", f->what, "good", f->is_good, "found", f->found, "mend", f->mend));
    }
    return list;
}

static json_t *measured(const struct doctor_floor *floor)
{
    struct measure measures[MEASURES];
    json_t *object = json_pack("{s:I}", "clock_ns", (json_int_t)floor->clock_ns);
    list_measures(floor, measures);
    for (unsigned i = 0; i < MEASURES; i++) {
        const struct doctor_quantiles *q = &measures[i].q;
        json_object_set_new(object, measures[i].name,
                            json_pack("{s:I, s:I, s:I}", "p50_ns", (json_int_t)q->p50_ns, "p99_ns", (json_int_t)q->p99_ns,
                                      "max_ns", (json_int_t)q->max_ns));
    }
    return object;
}

static void print_json(const struct doctor *d, const struct doctor_floor *floor)
{
    json_t *object =
        json_pack("{s:o, s:o, s:I}", "findings", findings(d), "floor", measured(floor), "bad", (json_int_t)count_bad(d));
    json_dumpf(object, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(object);
}

static int examine(const struct settings *settings, struct diag *diag)
{
    struct doctor d = {.n = 0};
    struct doctor_floor floor;
    struct isolation isolation;
    char text[ISOLATION_TEXT];
    if (isolation_check(&settings->isolation, diag) < 0)
        return -1;
    doctor_machine(&d, SAMPLE_NS);
    doctor_rights(&d);
    doctor_environment(&d);
    isolation_apply(&isolation, &settings->isolation);
    isolation_lock_memory(&isolation, NULL);
    isolation_show(&isolation, text);
    if (*text != '\0')
        fprintf(stderr, "caplay: isolation: %s\n", text);
    if (doctor_measure(&floor, &isolation, diag) < 0)
        return -1;
    if (settings->json)
        print_json(&d, &floor);
    else
        print_lines(&d, &floor);
    return DIAG_GOOD;
}

int clients_doctor(int argc, char **argv, struct diag *diag)
{
    struct settings settings = {.isolation.cpu = ISOLATION_NO_CPU};
    struct option_result parsed;
    if (options_parse(&command, argc, argv, &settings, &parsed, diag) < 0)
        return -1;
    return parsed.help ? DIAG_GOOD : examine(&settings, diag);
}
