/* rates_tool FILE: writes a recording of one second: "x", "y" of 10 Hz and the image "image:1" of 20 Hz, each with the number of
 * its update (in all elements of the image). */
#include "tests/trace_maker.h"

#define TIME(base) (14u + (base))

int main(int argc, char **argv)
{
    struct diag diag = {0};
    struct maker m = {.end_ms = 1000, .writer = argc == 2 ? trace_writer_open(argv[1], &diag) : NULL};
    if (m.writer == NULL)
        return EXIT_FAILURE;
    wire_meta_init(&m.meta);
    struct maker_subscription x = maker_subscribe(&m, 0, maker_pv(&m, "x", WIRE_DOUBLE, 1), TIME(WIRE_DOUBLE), 1),
                              y = maker_subscribe(&m, 0, maker_pv(&m, "y", WIRE_DOUBLE, 1), TIME(WIRE_DOUBLE), 1),
                              image = maker_subscribe(&m, 0, maker_pv(&m, "image:1", WIRE_INT16, 32), TIME(WIRE_INT16), 32);
    for (int k = 0; k < 20; k++) {
        struct maker_value v = {.number = k / 2, .stamp_ms = 50 * k};
        if (k % 2 == 0) {
            maker_update(&m, 50 * k, &x, v);
            maker_update(&m, 50 * k, &y, v);
        }
        maker_update(&m, 50 * k, &image, (struct maker_value){.number = k, .count = 32, .stamp_ms = 50 * k});
    }
    maker_write(&m);
    return EXIT_SUCCESS;
}
