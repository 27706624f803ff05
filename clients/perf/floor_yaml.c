#include "clients/perf/floor.h"

#include <inttypes.h>
#include <stdio.h>
#include <yaml.h>

static int count_events(yaml_parser_t *parser, uint64_t *n)
{
    for (bool is_end = false; !is_end; ++*n) {
        yaml_event_t event;
        if (!yaml_parser_parse(parser, &event))
            return -1;
        is_end = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
    return 0;
}

int floor_yaml(const struct floor_options *o, struct diag *diag)
{
    FILE *file = o->file != NULL ? fopen(o->file, "re") : NULL;
    yaml_parser_t parser;
    uint64_t n = 0;
    if (file == NULL)
        return diag_errno(diag, DIAG_USAGE, "--file: cannot read %s", o->file != NULL ? o->file : "nothing");
    uint64_t begin_ns = clock_monotonic_ns();
    yaml_parser_initialize(&parser);
    yaml_parser_set_input_file(&parser, file);
    int result = count_events(&parser, &n);
    yaml_parser_delete(&parser);
    fclose(file);
    if (result < 0)
        return diag_fail(diag, DIAG_USAGE, "%s is no YAML", o->file);
    printf("{\"events\": %" PRIu64 ", \"for_ns\": %" PRIu64 "}\n", n, clock_monotonic_ns() - begin_ns);
    return 0;
}
