#include "replay/script_parts.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX (4u << 20)
#define ROW_MAX  100000u

int script_fail(const struct script_context *context, struct diag *diag, const char *format, ...)
{
    char text[300];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return diag_fail(diag, DIAG_USAGE, "%s line %u: %s", context->script->name, context->line, text);
}

const char *script_place_name(unsigned place)
{
    static const char *const names[SCRIPT_PLACES] = {"A", "B", "C", "D", "E", "F", "G", "H", "udp"};
    return names[place];
}

/* ---- growing arrays of the arena ---- */

/* Room for one more behind n of them; arrays double, and the arena keeps the old ones. */
static void *grown(struct arena *arena, void *array, size_t n, size_t size)
{
    if (n != 0 && (n & (n - 1)) != 0)
        return array;
    void *larger = arena_bytes(arena, (n == 0 ? 1 : 2 * n) * size);
    if (larger != NULL && n > 0)
        memcpy(larger, array, n * size);
    return larger;
}

static struct script_block *add_block(const struct script_context *c, enum script_act act, struct diag *diag)
{
    struct script *s = c->script;
    struct script_block *blocks = grown(&s->arena, s->blocks, s->nblocks, sizeof *blocks);
    if (blocks == NULL) {
        script_fail(c, diag, "out of memory");
        return NULL;
    }
    s->blocks = blocks;
    blocks[s->nblocks] = (struct script_block){.act = act, .place = c->place, .line = c->line};
    return &blocks[s->nblocks++];
}

/* ---- lines ---- */

/* "B" or "" before the arrow. */
static int parse_place(const char *word, size_t length)
{
    for (unsigned i = 0; i < SCRIPT_PLACES; i++)
        if (strlen(script_place_name(i)) == length && memcmp(script_place_name(i), word, length) == 0)
            return (int)i;
    return length == 0 ? 0 : -1;
}

/* A `>` line goes on with the block above if that is one of the same place without replies. */
static struct script_block *block_for_request(const struct script_context *c, struct diag *diag)
{
    struct script *s = c->script;
    struct script_block *last = s->nblocks > 0 ? &s->blocks[s->nblocks - 1] : NULL;
    bool goes_on = last != NULL && last->act == SCRIPT_SEND && last->place == c->place && !last->stated && !last->unfenced &&
                   last->nrequests > 0 && last->requests[last->nrequests - 1].line + 1 == c->line;
    return goes_on ? last : add_block(c, SCRIPT_SEND, diag);
}

static int row_length(const struct script_context *c, const char *word, uint32_t *row, struct diag *diag)
{
    size_t n = strlen(word);
    char *end;
    *row = 1;
    if (n < 2 || word[n - 1] != '*')
        return 0;
    unsigned long count = strtoul(word, &end, 10);
    if (end != word + n - 1 || count == 0 || count > ROW_MAX)
        return script_fail(c, diag, "'%s': a row of 1 to %u expected (example: 60*)", word, ROW_MAX);
    *row = (uint32_t)count;
    return 1;
}

static int take_request(const struct script_context *c, const struct words *words, size_t first, struct diag *diag)
{
    struct script_block *block = block_for_request(c, diag);
    uint32_t row = 1;
    int skip = first < words->n ? row_length(c, words->at[first], &row, diag) : 0;
    if (block == NULL || skip < 0)
        return -1;
    for (uint32_t i = 0; i < row; i++) {
        block->requests = grown(&c->script->arena, block->requests, block->nrequests, sizeof *block->requests);
        if (block->requests == NULL)
            return script_fail(c, diag, "out of memory");
        if (script_request(c, words, first + (size_t)skip, i, &block->requests[block->nrequests], diag) < 0)
            return -1;
        block->nrequests++;
    }
    return 0;
}

static int join_words(const struct script_context *c, const struct words *words, size_t first, char **text, struct diag *diag)
{
    size_t room = 1, used = 0;
    for (size_t i = first; i < words->n; i++)
        room += strlen(words->at[i]) + 1;
    *text = arena_bytes(&c->script->arena, room);
    if (*text == NULL)
        return script_fail(c, diag, "out of memory");
    for (size_t i = first; i < words->n; i++) {
        size_t n = strlen(words->at[i]);
        if (i > first)
            (*text)[used++] = ' ';
        memcpy(*text + used, words->at[i], n);
        used += n;
    }
    return 0;
}

static int take_reply(const struct script_context *c, const struct words *words, size_t first, struct diag *diag)
{
    struct script *s = c->script;
    uint32_t row = 1;
    if (s->nblocks == 0)
        return script_fail(c, diag, "a reply before the first request");
    if (first >= words->n)
        return script_fail(c, diag, "a message, END or nothing expected");
    struct script_block *block = &s->blocks[s->nblocks - 1];
    block->stated = true;
    if (strcmp(words->at[first], "nothing") == 0 && words->n == first + 1)
        return 0;
    int skip = row_length(c, words->at[first], &row, diag);
    char *text;
    if (skip < 0 || join_words(c, words, first + (size_t)skip, &text, diag) < 0)
        return -1;
    for (uint32_t i = 0; i < row; i++) {
        block->replies = grown(&s->arena, block->replies, block->nreplies, sizeof *block->replies);
        if (block->replies == NULL)
            return script_fail(c, diag, "out of memory");
        block->replies[block->nreplies++] = (struct script_reply){.text = text, .place = c->place, .line = c->line};
    }
    return 0;
}

static bool is_needed(const struct script *s, const char *name)
{
    for (size_t i = 0; i < s->nneeds; i++)
        if (strcmp(s->needs[i], name) == 0)
            return true;
    return false;
}

static int take_needs(const struct script_context *c, const struct words *words, struct diag *diag)
{
    struct script *s = c->script;
    for (size_t i = 1; i < words->n; i++) {
        size_t n;
        char *name = words_quoted(words->at[i], &n);
        if (name != NULL && is_needed(s, name))
            continue;
        if (name == NULL || s->nneeds == SCRIPT_NEEDS)
            return script_fail(c, diag, "needs: up to %d names in quotes expected", SCRIPT_NEEDS);
        char *copy = arena_bytes(&s->arena, n + 1);
        if (copy == NULL)
            return script_fail(c, diag, "out of memory");
        memcpy(copy, name, n);
        s->needs[s->nneeds++] = copy;
    }
    return 0;
}

/* `open B`, `unfenced`... */
static int take_act(struct script_context *c, const struct words *words, struct diag *diag)
{
    static const struct {
        const char *name;
        enum script_act act;
    } acts[] = {{"open", SCRIPT_OPEN}, {"shutdown", SCRIPT_SHUTDOWN}, {"close", SCRIPT_CLOSE}};
    struct script *s = c->script;
    if (strcmp(words->at[0], "unfenced") == 0 && words->n == 1 && s->nblocks > 0) {
        s->blocks[s->nblocks - 1].unfenced = true;
        return 0;
    }
    int place = words->n == 2 ? parse_place(words->at[1], strlen(words->at[1])) : 0;
    for (size_t i = 0; i < sizeof acts / sizeof *acts && words->n <= 2; i++)
        if (strcmp(words->at[0], acts[i].name) == 0 && place >= 0 && place < SCRIPT_UDP) {
            c->place = (unsigned)place;
            return add_block(c, acts[i].act, diag) != NULL ? 0 : -1;
        }
    return script_fail(c, diag, "'%s': `>`, `<`, needs, open, shutdown, close or unfenced expected", words->at[0]);
}

static int take_line(struct script_context *c, struct words *words, char *line, struct diag *diag)
{
    if (!words_split(line, words))
        return script_fail(c, diag, "an open quote or bracket, or more than %d words", WORDS_MAX);
    if (words->n == 0)
        return 0;
    if (strcmp(words->at[0], "needs") == 0)
        return take_needs(c, words, diag);
    size_t n = strlen(words->at[0]);
    char arrow = words->at[0][n - 1];
    if (arrow != '>' && arrow != '<')
        return take_act(c, words, diag);
    int place = parse_place(words->at[0], n - 1);
    if (place < 0)
        return script_fail(c, diag, "'%s': a circuit from A to H, or udp, expected before the arrow", words->at[0]);
    c->place = (unsigned)place;
    return arrow == '>' ? take_request(c, words, 1, diag) : take_reply(c, words, 1, diag);
}

/* ---- the whole ---- */

static void keep_title(struct script *s, const char *line)
{
    line += strspn(line, "# \t");
    size_t n = strlen(line);
    char *title = s->title == NULL && n > 0 ? arena_bytes(&s->arena, n + 1) : NULL;
    if (title != NULL)
        s->title = strcpy(title, line);
}

int script_parse(const char *name, const char *text, struct script *script, struct diag *diag)
{
    *script = (struct script){.name = name};
    struct script_context context = {.script = script, .line = 0};
    struct words *words = malloc(sizeof *words);
    script->source = arena_bytes(&script->arena, strlen(text) + 1);
    int result = words != NULL && script->source != NULL ? 0 : script_fail(&context, diag, "out of memory");
    if (result == 0)
        strcpy(script->source, text);
    while (*text != '\0' && result == 0) {
        size_t n = strcspn(text, "\n");
        char *line = arena_bytes(&script->arena, n + 1);
        context.line++;
        if (line == NULL) {
            result = script_fail(&context, diag, "out of memory");
            break;
        }
        memcpy(line, text, n);
        if (line[0] == '#')
            keep_title(script, line);
        result = take_line(&context, words, line, diag);
        text += n + (text[n] == '\n');
    }
    free(words);
    if (result < 0)
        script_free(script);
    return result;
}

int script_read(const char *path, struct script *script, struct diag *diag)
{
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return diag_errno(diag, DIAG_USAGE, "cannot read %s", path);
    char *text = malloc(FILE_MAX + 1);
    size_t n = text != NULL ? fread(text, 1, FILE_MAX + 1, f) : 0;
    int result = -1;
    if (text == NULL || ferror(f) != 0) {
        diag_errno(diag, DIAG_USAGE, "cannot read %s", path);
    } else if (n > FILE_MAX) {
        diag_fail(diag, DIAG_USAGE, "%s: %zu bytes or more, a dialogue has at most %u", path, n, FILE_MAX);
    } else {
        text[n] = '\0';
        result = script_parse(path, text, script, diag);
    }
    free(text);
    fclose(f);
    return result;
}

void script_free(struct script *script)
{
    arena_fini(&script->arena);
    *script = (struct script){.name = NULL};
}

static void print_line(const char *text, unsigned line, const char *margin, FILE *out)
{
    for (unsigned i = 1; i < line && text != NULL; i++) {
        text = strchr(text, '\n');
        text += text != NULL;
    }
    if (text != NULL)
        fprintf(out, "%s%.*s\n", margin, (int)strcspn(text, "\n"), text);
}

void script_print_requests(const struct script *script, const struct script_block *block, const char *margin, FILE *out)
{
    if (block->act != SCRIPT_SEND)
        print_line(script->source, block->line, margin, out);
    for (size_t i = 0; i < block->nrequests; i++)
        if (i == 0 || block->requests[i].line != block->requests[i - 1].line)
            print_line(script->source, block->requests[i].line, margin, out);
}
