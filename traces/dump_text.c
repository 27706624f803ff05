#include "traces/dump.h"

#include "base/clock.h"
#include "traces/losses.h"
#include "traces/show.h"

#include <inttypes.h>
#include <stdlib.h>

static void print_mask(uint16_t mask)
{
    static const char *const names[] = {"VALUE", "LOG", "ALARM", "PROPERTY"};
    const char *between = "";
    printf(" mask=");
    for (unsigned i = 0; i < 4; i++)
        if (mask >> i & 1) {
            printf("%s%s", between, names[i]);
            between = "|";
        }
    if (mask > 15 || mask == 0)
        printf("%s0x%x", between, mask & ~15u);
}

static void print_field(const struct describe_field *f)
{
    static const char *const rights[] = {"none", "read", "write", "read+write"};
    const char *status;
    char address[SHOW_BYTES];
    if (f->label == NULL)
        return;
    printf(" %s=", f->label);
    switch (f->kind) {
    case DESCRIBE_TYPE:
        if (f->value < WIRE_TYPES)
            printf("%s", wire_types[f->value].name);
        else
            printf("%" PRIu32, f->value);
        return;
    case DESCRIBE_STATUS:
        status = wire_status_name(f->value);
        if (status != NULL)
            printf("%s", status);
        else
            printf("0x%" PRIx32, f->value);
        return;
    case DESCRIBE_ADDRESS:
        printf("%s", show_address(f->value, address));
        return;
    case DESCRIBE_RIGHTS:
        printf("%s", rights[f->value & 3]);
        return;
    case DESCRIBE_NUMBER:
        printf("%" PRIu32, f->value);
        return;
    }
}

char *dump_values(const struct wire_value *v, uint32_t most)
{
    const size_t room = (size_t)wire_value_text(v, most, NULL, 0) + 1;
    char *text = malloc(room);
    if (text != NULL)
        wire_value_text(v, most, text, room);
    return text;
}

static void print_value(const struct wire_value *v, const char *values, uint32_t most)
{
    char stamp[SHOW_BYTES];
    const bool is_array = v->count != 1;
    printf(is_array ? " value=[%s%s]" : " value=%s%s", values, v->count > most ? " ..." : "");
    if (v->has_alarm)
        printf(" alarm=%s/%s", show_severity(v->severity), show_alarm(v->status));
    if (v->has_stamp)
        printf(" stamp=%s", show_time(CLOCK_EPICS_EPOCH + v->stamp.seconds, v->stamp.nanoseconds, stamp));
}

static void print_place(uint64_t t_ns, uint32_t circuit)
{
    printf("%" PRIu64 ".%09" PRIu64, t_ns / CLOCK_NS, t_ns % CLOCK_NS);
    printf(circuit != TRACE_NONE ? " #%" PRIu32 : " #-", circuit);
}

void dump_text_loss(const struct trace_loss *loss)
{
    const char *sender = losses_sender(loss);
    print_place(loss->t_ns, loss->circuit);
    printf(" %s LOSS - kind=%s count=%" PRIu64 " bytes=%" PRIu64 " until=%" PRIu64 ".%09" PRIu64 "\n",
           sender == NULL   ? "--"
           : *sender == 's' ? "<-"
                            : "->",
           losses_kind(loss->kind), loss->count, loss->bytes, loss->until_ns / CLOCK_NS, loss->until_ns % CLOCK_NS);
}

bool dump_text(const struct description *d, uint32_t most)
{
    const struct trace_event *e = d->e;
    char service[SHOW_BYTES], *values = d->has_value ? dump_values(&d->value, most) : NULL;
    if (d->has_value && values == NULL)
        return false;
    print_place(e->t_ns, e->circuit);
    printf(" %s %s", e->flags & TRACE_FROM_SERVER ? "<-" : "->", d->command);
    printf(e->command < WIRE_COMMANDS ? " " : "_%u ", e->command);
    show_name(stdout, d->pv != NULL ? d->pv : d->is_nameless ? "?" : "-");
    for (unsigned i = 0; i < DESCRIBE_FIELDS; i++)
        print_field(&d->fields[i]);
    if (d->has_sid)
        printf(" sid=%" PRIu32, d->sid);
    if (d->has_mask)
        print_mask(d->mask);
    if (d->role != NULL)
        printf(" role=%s", d->role);
    if (d->aside != NULL)
        printf(" aside=%s", d->aside);
    if (d->about != NULL)
        printf(" about=%s", d->about);
    if (d->has_text) {
        printf(" text=");
        show_quoted(stdout, d->text);
    }
    if (d->has_value)
        print_value(&d->value, values, most);
    if (d->has_service)
        printf(" service=%s", show_duration(d->service_ns, service));
    putchar('\n');
    free(values);
    return true;
}
