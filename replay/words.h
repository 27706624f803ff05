/* A line of a written dialogue as words: blanks separate, but not inside quotes or brackets. Pure. */
#ifndef CAPLAY_REPLAY_WORDS_H
#define CAPLAY_REPLAY_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WORDS_MAX 256

struct words {
    char *at[WORDS_MAX]; /* points into the line, which is cut into pieces */
    size_t n;
};

/* Cut `line` up; a "#" at the start of a word begins a comment. False: an unclosed quote or bracket, or too many words. */
bool words_split(char *line, struct words *words);

/* The text between the quotes of a word, with \xNN, \" and \\ resolved, in place; *length bytes. NULL: not a quoted word. */
char *words_quoted(char *word, size_t *length);

/* A whole number, decimal or 0x; false if the word is anything else. */
bool words_number(const char *word, uint64_t most, uint64_t *number);

/* The value behind "KEY=", or NULL where the word has another key. */
const char *words_value(const char *word, const char *key);

#endif
