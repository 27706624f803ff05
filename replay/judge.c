#include "replay/judge.h"

#include "replay/words.h"

#include <stdio.h>
#include <stdlib.h>

/* A text cut into words; holds its own copy. */
struct cut {
    struct words words;
    char *text;
};

static bool cut_text(const char *text, struct cut *cut)
{
    cut->text = strdup(text);
    cut->words.n = 0;
    if (cut->text != NULL && words_split(cut->text, &cut->words) && cut->words.n > 0)
        return true;
    free(cut->text);
    cut->text = NULL;
    return false;
}

static bool has_word(const struct words *words, const char *word)
{
    for (size_t i = 0; i < words->n; i++)
        if (strcmp(words->at[i], word) == 0)
            return true;
    return false;
}

/* ---- two servers ---- */

static void note_field(char *fields, const char *word)
{
    size_t used = strlen(fields), n = strcspn(word, "=");
    const char *known = strstr(fields, word);
    if (known != NULL && strncmp(known, word, n) == 0 && (known[n] == ',' || known[n] == '\0'))
        return;
    snprintf(fields + used, JUDGE_FIELDS_BYTES - used, "%s%.*s", used > 0 ? "," : "", (int)n, word);
}

static void note_unknown_words(const struct words *of, const struct words *in, char *fields)
{
    for (size_t i = 1; i < of->n; i++)
        if (!has_word(in, of->at[i])) {
            char key[40];
            snprintf(key, sizeof key, "%.*s", (int)strcspn(of->at[i], "="), of->at[i]);
            note_field(fields, key);
        }
}

static void name_fields(const struct turn *a, const struct turn *b, char *fields)
{
    struct cut x, y;
    fields[0] = '\0';
    if (cut_text(a->text, &x) & cut_text(b->text, &y)) {
        if (strcmp(x.words.at[0], y.words.at[0]) != 0)
            note_field(fields, "command");
        else {
            note_unknown_words(&x.words, &y.words, fields);
            note_unknown_words(&y.words, &x.words, fields);
        }
    }
    if (fields[0] == '\0')
        note_field(fields, "bytes");
    free(x.text);
    free(y.text);
}

static bool is_same(const struct turn *a, const struct turn *b)
{
    if (a->size != b->size || (a->bytes == NULL) != (b->bytes == NULL))
        return false;
    return a->bytes != NULL ? memcmp(a->bytes, b->bytes, a->size) == 0 : strcmp(a->text, b->text) == 0;
}

static void report(size_t block, const struct turn *a, const struct turn *b, judge_fn *found, void *arg)
{
    struct judge_difference d = {.block = block, .a = a, .b = b};
    const struct turn *known = a != NULL ? a : b;
    snprintf(d.command, sizeof d.command, "%.*s", (int)strcspn(known->text, " "), known->text);
    if (a == NULL || b == NULL)
        snprintf(d.fields, sizeof d.fields, "%s", b == NULL ? "missing" : "extra");
    else
        name_fields(a, b, d.fields);
    found(&d, arg);
}

/* The turns [*from, *to) of a block; both transcripts are in the order of blocks. */
static void find_block(const struct transcript *t, size_t block, size_t *from, size_t *to)
{
    for (*from = *to; *from < t->n && t->turns[*from].block < block; ++*from)
        ;
    for (*to = *from; *to < t->n && t->turns[*to].block == block; ++*to)
        ;
}

static void compare_block(const struct transcript *a, size_t from_a, size_t to_a, const struct transcript *b, size_t from_b,
                          size_t to_b, judge_fn *found, void *arg)
{
    bool *used = calloc(to_b - from_b + 1, sizeof *used);
    if (used == NULL)
        return;
    for (size_t i = from_a; i < to_a; i++) {
        size_t k = from_b;
        while (k < to_b && (used[k - from_b] || b->turns[k].lane != a->turns[i].lane))
            k++;
        if (k < to_b)
            used[k - from_b] = true;
        if (k == to_b || !is_same(&a->turns[i], &b->turns[k]))
            report(a->turns[i].block, &a->turns[i], k < to_b ? &b->turns[k] : NULL, found, arg);
    }
    for (size_t k = from_b; k < to_b; k++)
        if (!used[k - from_b])
            report(b->turns[k].block, NULL, &b->turns[k], found, arg);
    free(used);
}

void judge_compare(const struct transcript *a, const struct transcript *b, judge_fn *found, void *arg)
{
    size_t last_a = a->n > 0 ? a->turns[a->n - 1].block + 1 : 0, last_b = b->n > 0 ? b->turns[b->n - 1].block + 1 : 0;
    size_t from_a, to_a = 0, from_b, to_b = 0;
    for (size_t block = 0; block < last_a || block < last_b; block++) {
        find_block(a, block, &from_a, &to_a);
        find_block(b, block, &from_b, &to_b);
        compare_block(a, from_a, to_a, b, from_b, to_b, found, arg);
    }
}

/* ---- one server, and what is stated ---- */

/* A text's lane: what is in order with it. Updates of a subscription, and an ERROR for one that is too large; results of a put,
 * the end, and all the rest. */
static void lane_of_text(const struct words *words, unsigned place, char *lane, size_t room)
{
    bool is_put = strcmp(words->at[0], "WRITE_NOTIFY") == 0, is_update = strcmp(words->at[0], "EVENT_ADD") == 0;
    bool is_error = strcmp(words->at[0], "ERROR") == 0 && has_word(words, "of=EVENT_ADD") &&
                    (has_word(words, "status=TOLARGE") || has_word(words, "status=16KARRAYCLIENT"));
    const char *id = "";
    for (size_t i = 1; i < words->n; i++) {
        is_update &= words_value(words->at[i], "sid") == NULL; /* that one confirms a cancel */
        if (words_value(words->at[i], is_put ? "ioid" : "subid") != NULL)
            id = words_value(words->at[i], is_put ? "ioid" : "subid");
    }
    is_update |= is_error;
    bool is_end = strcmp(words->at[0], "END") == 0 || strcmp(words->at[0], "SILENT") == 0;
    const char *kind = is_put ? "put" : is_update ? "update" : is_end ? "end" : "direct";
    snprintf(lane, room, "%u %s %s", place, kind, is_put || is_update ? id : "");
}

static bool keeps(const struct words *stated, const struct words *came)
{
    if (strcmp(stated->at[0], came->at[0]) != 0)
        return false;
    for (size_t i = 1; i < stated->n; i++)
        if (!has_word(came, stated->at[i]))
            return false;
    return true;
}

/* The first stated reply of the turn's lane that no turn has used. */
static const struct script_reply *next_stated(const struct script_block *block, bool *used, const struct turn *turn,
                                              bool *is_kept)
{
    const struct script_reply *found = NULL;
    struct cut came;
    char lane[80], stated_lane[80];
    if (!cut_text(turn->text, &came))
        return NULL;
    lane_of_text(&came.words, turn->place, lane, sizeof lane);
    for (size_t i = 0; i < block->nreplies && found == NULL; i++) {
        struct cut stated;
        if (!used[i] && cut_text(block->replies[i].text, &stated)) {
            lane_of_text(&stated.words, block->replies[i].place, stated_lane, sizeof stated_lane);
            if (strcmp(lane, stated_lane) == 0) {
                used[i] = true;
                found = &block->replies[i];
                *is_kept = keeps(&stated.words, &came.words);
            }
            free(stated.text);
        }
    }
    free(came.text);
    return found;
}

/* The first breach of a block; false: none. */
static bool check_block(const struct script_block *block, const struct transcript *t, size_t from, size_t to,
                        struct judge_breach *breach)
{
    bool *used = calloc(block->nreplies + 1, sizeof *used), is_broken = false;
    for (size_t i = from; i < to && used != NULL && !is_broken; i++) {
        bool is_kept = false;
        breach->came = &t->turns[i];
        breach->stated = next_stated(block, used, &t->turns[i], &is_kept);
        is_broken = !is_kept;
    }
    for (size_t i = 0; i < block->nreplies && used != NULL && !is_broken; i++)
        if (!used[i]) {
            breach->came = NULL;
            breach->stated = &block->replies[i];
            is_broken = true;
        }
    free(used);
    return is_broken;
}

void judge_check(const struct script *script, const struct transcript *t, judge_breach_fn *found, void *arg)
{
    size_t from, to = 0;
    for (size_t i = 0; i < script->nblocks; i++) {
        struct judge_breach breach = {.block = i};
        find_block(t, i, &from, &to);
        if (script->blocks[i].stated && check_block(&script->blocks[i], t, from, to, &breach))
            found(&breach, arg);
    }
}
