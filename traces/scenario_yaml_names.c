#include "traces/scenario_names.h"

#include <string.h>
#include <yaml.h>

struct names_reader {
    yaml_parser_t parser;
    yaml_event_t event;
    bool has_event;
    const char *file;
    const struct scenario_names *names;
    struct diag *diag;
};

static int fail(struct names_reader *r, const char *what)
{
    const size_t line = r->has_event ? r->event.start_mark.line : r->parser.problem_mark.line;
    return diag_fail(r->diag, DIAG_USAGE, "%s:%zu: %s", r->file, line + 1, what);
}

static void drop(struct names_reader *r)
{
    if (r->has_event)
        yaml_event_delete(&r->event);
    r->has_event = false;
}

/* The next event takes the last one's place. */
static int next(struct names_reader *r)
{
    drop(r);
    r->has_event = yaml_parser_parse(&r->parser, &r->event) != 0;
    return r->has_event ? 0 : fail(r, r->parser.problem != NULL ? r->parser.problem : "this is no YAML");
}

static int expect(struct names_reader *r, yaml_event_type_t type, const char *what)
{
    if (next(r) < 0)
        return -1;
    return r->event.type == type ? 0 : fail(r, what);
}

static bool is_scalar(const struct names_reader *r, const char *text)
{
    return r->event.type == YAML_SCALAR_EVENT && strcmp((const char *)r->event.data.scalar.value, text) == 0;
}

/* From the file's beginning to its first key. */
static int begin(struct names_reader *r)
{
    static const yaml_event_type_t first[] = {YAML_STREAM_START_EVENT, YAML_DOCUMENT_START_EVENT, YAML_MAPPING_START_EVENT,
                                              YAML_SCALAR_EVENT};
    for (size_t i = 0; i < sizeof first / sizeof *first; i++)
        if (expect(r, first[i], "a mapping is expected: pvs: [NAME, ...]") < 0)
            return -1;
    return is_scalar(r, "pvs") ? 0 : fail(r, "the one key is pvs");
}

static int take_name(struct names_reader *r)
{
    const char *name = (const char *)r->event.data.scalar.value;
    const size_t length = r->event.data.scalar.length;
    const char *wrong = length == 0 || length > SCENARIO_NAME_MOST || strlen(name) != length
                            ? "has not 1 to 60 characters"
                            : r->names->take(r->names->arg, name, length);
    if (wrong == NULL)
        return 0;
    char text[160];
    snprintf(text, sizeof text, "the name '%.80s' %s", name, wrong);
    return fail(r, text);
}

static int take_list(struct names_reader *r)
{
    if (expect(r, YAML_SEQUENCE_START_EVENT, "pvs must be a list of names") < 0)
        return -1;
    while (next(r) == 0) {
        if (r->event.type == YAML_SEQUENCE_END_EVENT)
            return 0;
        if (r->event.type != YAML_SCALAR_EVENT)
            return fail(r, "a name is expected here");
        if (take_name(r) < 0)
            return -1;
    }
    return -1;
}

static void open_reader(struct names_reader *r, FILE *file)
{
    yaml_parser_initialize(&r->parser);
    yaml_parser_set_input_file(&r->parser, file);
}

static void close_reader(struct names_reader *r)
{
    drop(r);
    yaml_parser_delete(&r->parser);
}

bool scenario_is_names(FILE *file)
{
    struct diag ignored;
    struct names_reader r = {.file = "", .diag = &ignored};
    open_reader(&r, file);
    bool is = begin(&r) == 0;
    close_reader(&r);
    rewind(file);
    return is;
}

int scenario_names_read(FILE *file, const char *file_name, const struct scenario_names *names, struct diag *diag)
{
    struct names_reader r = {.file = file_name, .names = names, .diag = diag};
    open_reader(&r, file);
    int result = begin(&r);
    if (result == 0)
        result = take_list(&r);
    if (result == 0)
        result = expect(&r, YAML_MAPPING_END_EVENT, "the one key is pvs");
    close_reader(&r);
    return result;
}
