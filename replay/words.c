#include "replay/words.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Behind the word that starts at `at`; NULL: a quote or bracket stays open. */
static char *word_end(char *at)
{
    unsigned depth = 0;
    bool quoted = false;
    for (; *at != '\0'; at++) {
        if (quoted && *at == '\\' && at[1] != '\0') {
            at++;
            continue;
        }
        if (*at == '"')
            quoted = !quoted;
        if (quoted)
            continue;
        if (*at == '[')
            depth++;
        if (*at == ']' && depth > 0)
            depth--;
        if (isspace((unsigned char)*at) && depth == 0)
            break;
    }
    return quoted || depth > 0 ? NULL : at;
}

bool words_split(char *line, struct words *words)
{
    words->n = 0;
    for (;;) {
        while (isspace((unsigned char)*line))
            line++;
        if (*line == '\0' || *line == '#')
            return true;
        char *end = word_end(line);
        if (end == NULL || words->n == WORDS_MAX)
            return false;
        words->at[words->n++] = line;
        line = end;
        if (*line != '\0')
            *line++ = '\0';
    }
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)tolower((unsigned char)c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

char *words_quoted(char *word, size_t *length)
{
    size_t n = strlen(word);
    if (n < 2 || word[0] != '"' || word[n - 1] != '"')
        return NULL;
    word[n - 1] = '\0';
    char *to = word;
    for (const char *from = word + 1; *from != '\0'; from++) {
        if (*from != '\\') {
            *to++ = *from;
        } else if (from[1] == 'x' && hex_digit(from[2]) >= 0 && hex_digit(from[3]) >= 0) {
            *to++ = (char)(hex_digit(from[2]) << 4 | hex_digit(from[3]));
            from += 3;
        } else if (from[1] != '\0') {
            *to++ = *++from;
        }
    }
    *length = (size_t)(to - word);
    *to = '\0';
    return word;
}

bool words_number(const char *word, uint64_t most, uint64_t *number)
{
    char *end;
    if (*word < '0' || *word > '9')
        return false;
    errno = 0;
    *number = strtoull(word, &end, word[1] == 'x' ? 16 : 10);
    return *end == '\0' && errno == 0 && *number <= most;
}

const char *words_value(const char *word, const char *key)
{
    size_t n = strlen(key);
    return strncmp(word, key, n) == 0 && word[n] == '=' ? word + n + 1 : NULL;
}
