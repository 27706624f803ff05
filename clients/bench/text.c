#include "clients/bench/text.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

void text_begin(struct text_table *t)
{
    t->rows = t->columns = t->column = 0;
}

void text_cell(struct text_table *t, const char *format, ...)
{
    if (t->rows == TEXT_ROWS || t->column == TEXT_COLUMNS)
        return;
    va_list args;
    va_start(args, format);
    vsnprintf(t->cell[t->rows][t->column++], TEXT_CELL, format, args);
    va_end(args);
    if (t->column > t->columns)
        t->columns = t->column;
}

void text_row(struct text_table *t)
{
    if (t->rows == TEXT_ROWS)
        return;
    while (t->column < TEXT_COLUMNS)
        t->cell[t->rows][t->column++][0] = '\0';
    t->rows++;
    t->column = 0;
}

void text_heads(struct text_table *t, const char *const *heads, size_t n)
{
    for (size_t i = 0; i < n; i++)
        text_cell(t, "%s", heads[i]);
    text_row(t);
}

static int width_of(const struct text_table *t, unsigned column)
{
    size_t width = 0;
    for (unsigned row = 0; row < t->rows; row++) {
        size_t length = strlen(t->cell[row][column]);
        width = length > width ? length : width;
    }
    return (int)width;
}

void text_print(const struct text_table *t, FILE *out)
{
    int total = 0;
    for (unsigned column = 0; column < t->columns; column++)
        total += width_of(t, column) + (column > 0 ? 2 : 0);
    for (unsigned row = 0; row < t->rows; row++) {
        for (unsigned column = 0; column < t->columns; column++)
            fprintf(out, column == 0 ? "%-*s" : "  %*s", width_of(t, column), t->cell[row][column]);
        fputc('\n', out);
        for (int i = 0; row == 0 && i <= total; i++)
            fputc(i < total ? '-' : '\n', out);
    }
    fputc('\n', out);
}

static const char *const time_units[] = {"ns", "us", "ms", "s", NULL};
static const char *const byte_units[] = {"B", "kB", "MB", "GB", NULL};

/* Divide by 1,000 until three digits are left; returns the unit's index. */
static unsigned scale_of(double value, const char *const *units, double *divisor)
{
    unsigned i = 0;
    for (*divisor = 1; units[i + 1] != NULL && fabs(value / *divisor) >= 999.5; i++)
        *divisor *= 1000;
    return i;
}

static int digits_of(double value)
{
    return fabs(value) >= 99.95 ? 0 : fabs(value) >= 9.995 ? 1 : 2;
}

static const char *scaled(double value, const char *const *units, const char *zero, char into[TEXT_NUMBER])
{
    double divisor;
    if (isnan(value))
        return strcpy(into, "-");
    if (fpclassify(value) == FP_ZERO) {
        snprintf(into, TEXT_NUMBER, "0 %s", zero);
        return into;
    }
    unsigned unit = scale_of(value, units, &divisor);
    snprintf(into, TEXT_NUMBER, "%.*f %s", digits_of(value / divisor), value / divisor, units[unit]);
    return into;
}

const char *text_seconds(double s, char into[TEXT_NUMBER])
{
    return scaled(s * 1e9, time_units, "s", into);
}

const char *text_spread(double q1, double median, double q3, char into[TEXT_SPREAD])
{
    double divisor;
    unsigned unit = scale_of(median * 1e9, time_units, &divisor);
    divisor /= 1e9;
    int digits = digits_of(median / divisor);
    snprintf(into, TEXT_SPREAD, "%.*f [%.*f, %.*f] %s", digits, median / divisor, digits, q1 / divisor, digits, q3 / divisor,
             time_units[unit]);
    return into;
}

const char *text_bytes(double bytes, char into[TEXT_NUMBER])
{
    return scaled(bytes, byte_units, "B", into);
}

const char *text_count(double count, char into[TEXT_NUMBER])
{
    char digits[TEXT_NUMBER], *at = into;
    if (isnan(count) || fabs(count) > 1e12)
        return strcpy(into, "-");
    snprintf(digits, sizeof digits, "%.0f", count);
    for (const char *d = digits; *d != '\0'; d++) {
        *at++ = *d;
        size_t left = strlen(d + 1);
        if (left > 0 && left % 3 == 0 && *d != '-')
            *at++ = ',';
    }
    *at = '\0';
    return into;
}

void text_mend_cut(char *text)
{
    const size_t length = strlen(text);
    size_t last = length; /* where the last character begins: at most 3 bytes follow its first */
    while (last > 0 && length - last < 4 && ((unsigned char)text[last - 1] & 0xc0) == 0x80)
        last--;
    if (last == 0)
        return;
    const unsigned char first = (unsigned char)text[last - 1];
    const size_t wanted = first < 0xc0 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (length - last + 1 < wanted)
        text[last - 1] = '\0';
}
