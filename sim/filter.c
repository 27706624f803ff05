#include "sim/filter.h"

#include "base/clock.h"
#include "sim/deadband.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define VALUE_BITS ((unsigned)WIRE_MASK_VALUE | WIRE_MASK_LOG)

/* ---- one filter each: does it let the event pass? ---- */

static double number_of(const struct wire_value *value)
{
    double number = wire_value_number(value);
    bool is_signed = value->base == WIRE_CHAR && value->field != WIRE_FIELD_UCHAR;
    return is_signed ? (double)(int8_t)number : number;
}

/* Alarms and properties pass whatever the value is. A read counts as the last value, too. */
static bool pass_deadband(struct filter *f, struct filter_event *event)
{
    unsigned bits = event->mask & ~VALUE_BITS;
    double number = number_of(&event->value);
    if (deadband_distance(f->deadband.last, number) > f->deadband.deadband) {
        f->deadband.last = number;
        bits |= event->mask;
    }
    if (bits != 0 && f->deadband.is_relative)
        f->deadband.deadband = number * f->deadband.size / 100;
    return bits != 0;
}

static bool pass_decimate(struct filter *f, const struct filter_event *event)
{
    if (event->is_read || event->mask & WIRE_MASK_PROPERTY)
        return true;
    bool passes = f->decimate.i++ == 0;
    if (f->decimate.i >= f->decimate.n)
        f->decimate.i = 0;
    return passes;
}

static void keep(struct filter *f, const struct filter_event *event, bool is_number)
{
    f->sync.kept = *event;
    f->sync.is_kept = true;
    if (!is_number)
        return;
    memcpy(&f->sync.bytes, event->value.data, wire_base_size((enum wire_base)event->value.base));
    f->sync.kept.value.data = (const uint8_t *)&f->sync.bytes;
}

/* The last event before the state changed, if it has not been sent. The present one is kept for the next change. Its number
 * moves into `room`: the filter's own is needed. */
static bool pass_kept(struct filter *f, struct filter_event *event, bool changes, bool is_number, uint64_t *room)
{
    const struct filter_event present = *event;
    bool passes = changes && f->sync.is_kept;
    if (passes) {
        *event = f->sync.kept;
        *room = f->sync.bytes;
        if (is_number)
            event->value.data = (const uint8_t *)room;
    }
    keep(f, &present, is_number);
    return passes;
}

static bool pass_sync(struct filter *f, struct filter_event *event, bool is_number, uint64_t *room)
{
    if (event->is_read)
        return true;
    bool is = *f->sync.state, rises = is && !f->sync.was, falls = !is && f->sync.was;
    switch (f->sync.mode) {
    case FILTER_WHILE:
        return is;
    case FILTER_UNLESS:
        return !is;
    case FILTER_FIRST:
    case FILTER_AFTER:
        f->sync.was = is;
        return f->sync.mode == FILTER_FIRST ? rises : falls;
    default:
        f->sync.was = is;
        return pass_kept(f, event, f->sync.mode == FILTER_BEFORE ? rises : falls, is_number, room);
    }
}

static bool pass_stamp(const struct filter *f, struct filter_event *event)
{
    uint64_t since = event->now_ns + f->stamp.realtime_ns - CLOCK_EPICS_EPOCH * CLOCK_NS;
    if (f->stamp.mode == FILTER_STAMP_NOW)
        event->value.stamp = (struct wire_stamp){(uint32_t)(since / CLOCK_NS), (uint32_t)(since % CLOCK_NS)};
    return true;
}

/* The first event passes, whatever its tag. */
static bool pass_tag(struct filter *f, const struct filter_event *event)
{
    if (event->is_read || event->mask & WIRE_MASK_PROPERTY)
        return true;
    bool is_later = f->tag.is_later;
    f->tag.is_later = true;
    return !is_later || (f->tag.tag & (uint64_t)(int64_t)f->tag.mask) == (uint64_t)(int64_t)f->tag.value;
}

/* ---- all of a channel ---- */

bool filters_pass(struct filters *filters, struct filter_event *event)
{
    bool passes = true;
    for (unsigned i = 0; i < filters->n && passes; i++) {
        struct filter *f = &filters->at[i];
        switch (f->kind) {
        case FILTER_DEADBAND:
            passes = !filters->is_number || pass_deadband(f, event);
            break;
        case FILTER_DECIMATE:
            passes = pass_decimate(f, event);
            break;
        case FILTER_SYNC:
            passes = pass_sync(f, event, filters->is_number, &filters->number);
            break;
        case FILTER_STAMP:
            passes = pass_stamp(f, event);
            break;
        case FILTER_TAG:
            passes = pass_tag(f, event);
            break;
        case FILTER_SLICE:
            break;
        }
    }
    return passes;
}

struct filter_show filters_read(struct filters *filters, const struct wire_value *value, uint64_t now_ns)
{
    struct filter_event event = {.value = *value, .is_read = true, .now_ns = now_ns};
    if (!filters_pass(filters, &event))
        return (struct filter_show){0};
    struct filter_show show = filters->show;
    show.has_stamp = filters_copy(filters);
    show.stamp = event.value.stamp;
    return show;
}

bool filters_copy(const struct filters *filters)
{
    bool is_now = false;
    for (unsigned i = 0; i < filters->n; i++)
        is_now |= filters->at[i].kind == FILTER_STAMP && filters->at[i].stamp.mode == FILTER_STAMP_NOW;
    return is_now;
}

/* ---- the stamp for the value ---- */

static void show_filter(struct filter_show *show, const struct filter *f)
{
    if (f->kind == FILTER_STAMP && f->stamp.mode != FILTER_STAMP_NOW)
        *show = (struct filter_show){.mode = (uint8_t)f->stamp.mode,
                                     .text = (uint8_t)f->stamp.text,
                                     .is_unix = f->stamp.is_unix,
                                     .count = f->stamp.mode == FILTER_STAMP_PAIR ? 2 : 1};
    if (f->kind != FILTER_SLICE || show->count != 2)
        return;
    uint32_t first;
    show->count = (uint8_t)filter_slice_indices(&f->slice, 2, &first);
    show->first = (uint8_t)first;
}

void filters_settle(struct filters *filters)
{
    filters->show = (struct filter_show){0};
    for (unsigned i = 0; i < filters->n; i++)
        show_filter(&filters->show, &filters->at[i]);
}

uint32_t filter_slice_indices(const struct filter_slice *slice, uint32_t count, uint32_t *first)
{
    int64_t start = slice->start < 0 ? (int64_t)count + slice->start : slice->start;
    int64_t end = slice->end < 0 ? (int64_t)count + slice->end : slice->end;
    start = start < 0 ? 0 : start > count ? count : start;
    end = end < 0 ? 0 : end;
    end = end >= count ? (int64_t)count - 1 : end; /* of nothing there is nothing */
    *first = (uint32_t)start;
    return end >= start ? (uint32_t)((end - start) / slice->step + 1) : 0;
}

static void put_double(uint8_t *at, double number)
{
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    wire_put64(at, bits);
}

/* In local time, as EPICS Base writes it; a record that was never processed has none. */
static void show_text(const struct filter_show *show, struct wire_stamp stamp, char *text)
{
    time_t seconds = (time_t)(stamp.seconds + CLOCK_EPICS_EPOCH);
    struct tm local;
    char zone[8] = "", date[24];
    memset(text, 0, FILTER_TEXT_BYTES);
    if (stamp.seconds == 0 && stamp.nanoseconds == 0) {
        memcpy(text, "<undefined>", sizeof "<undefined>");
        return;
    }
    bool is_iso = show->text == FILTER_TEXT_ISO;
    localtime_r(&seconds, &local);
    strftime(date, sizeof date, is_iso ? "%Y-%m-%dT%H:%M:%S" : "%Y-%m-%d %H:%M:%S", &local);
    if (is_iso)
        strftime(zone, sizeof zone, "%z", &local);
    snprintf(text, FILTER_TEXT_BYTES, "%s.%06u%s", date, stamp.nanoseconds / 1000u, zone);
}

static void show_numbers(const struct filter_show *show, struct wire_stamp stamp, uint8_t *at)
{
    const uint32_t numbers[] = {stamp.seconds + (show->is_unix ? (uint32_t)CLOCK_EPICS_EPOCH : 0), stamp.nanoseconds};
    if (show->mode == FILTER_STAMP_DOUBLE)
        put_double(at, numbers[0] + numbers[1] * 1e-9);
    else if (show->mode == FILTER_STAMP_PAIR)
        for (unsigned i = 0; i < show->count; i++)
            put_double(at + i * sizeof(double), numbers[show->first + i]);
    else
        put_double(at, numbers[show->mode == FILTER_STAMP_NANOSECONDS]);
}

void filter_show(const struct filter_show *show, struct wire_value *value, struct filter_room *room)
{
    if (show->has_stamp)
        value->stamp = show->stamp;
    if (show->mode <= FILTER_STAMP_NOW)
        return;
    bool is_text = show->mode == FILTER_STAMP_TEXT;
    if (is_text)
        show_text(show, value->stamp, (char *)room->bytes);
    else
        show_numbers(show, value->stamp, (uint8_t *)room->bytes);
    value->data = (const uint8_t *)room->bytes;
    value->count = show->count;
    value->base = is_text ? WIRE_STRING : WIRE_DOUBLE;
    value->field = is_text || show->mode == FILTER_STAMP_DOUBLE ? WIRE_FIELD_PLAIN : WIRE_FIELD_WHOLE;
}
