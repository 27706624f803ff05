/* What a replay learns from a PV's name and shape, a row each. */
#include "replay/kind.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct {
    struct kind_traits traits;
    enum wire_field kind;
} rows[] = {
    {{"rec.RTYP", "", WIRE_STRING, 1}, WIRE_FIELD_ATTRIBUTE},
    {{"rec.RTYPE", "", WIRE_STRING, 1}, WIRE_FIELD_PLAIN},
    {{"rec.RTYP", "", WIRE_DOUBLE, 1}, WIRE_FIELD_PLAIN},
    {{"RTYP", "", WIRE_STRING, 1}, WIRE_FIELD_PLAIN},
    {{"rec.DESC", "", WIRE_STRING, 1}, WIRE_FIELD_PLAIN},
    {{"rec.DESC$", "", WIRE_CHAR, 41}, WIRE_FIELD_TEXT},
    {{"rec.INP$", "", WIRE_CHAR, 1024}, WIRE_FIELD_PLAIN},
    {{"rec.VAL$", "", WIRE_CHAR, 40}, WIRE_FIELD_TEXT},
    {{"rec.$", "", WIRE_CHAR, 40}, WIRE_FIELD_TEXT},
    {{"rec.VAL$", "", WIRE_CHAR, 100}, WIRE_FIELD_PLAIN},
    {{"rec", "", WIRE_CHAR, 40}, WIRE_FIELD_PLAIN},
    {{"rec", "int64in", WIRE_DOUBLE, 1}, WIRE_FIELD_WHOLE},
    {{"rec.VAL", "int64out", WIRE_DOUBLE, 1}, WIRE_FIELD_WHOLE},
    {{"rec.HOPR", "int64in", WIRE_DOUBLE, 1}, WIRE_FIELD_PLAIN},
    {{"rec", "ai", WIRE_DOUBLE, 1}, WIRE_FIELD_PLAIN},
    {{"", "", WIRE_CHAR, 0}, WIRE_FIELD_PLAIN},
};

static void a_kind_is_told_by_name_and_shape(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (kind_of(&rows[i].traits) != rows[i].kind)
            fail_msg("%s: %d", rows[i].traits.name, (int)kind_of(&rows[i].traits));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_kind_is_told_by_name_and_shape)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
