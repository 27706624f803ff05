#include "clients/doctor/doctor.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define STAT_LEAST 4 /* user nice system idle; then iowait irq softirq steal, and guests, which user holds already */
#define STAT_MOST  8

/* The line that begins so, or NULL. */
static const char *find_line(const char *text, const char *begin)
{
    const size_t n = strlen(begin);
    for (; text != NULL && *text != '\0'; text = strchr(text, '\n'), text += text != NULL)
        if (strncmp(text, begin, n) == 0)
            return text;
    return NULL;
}

bool doctor_parse_stat(const char *text, struct doctor_ticks *ticks)
{
    uint64_t field[STAT_MOST] = {0}, total = 0;
    const char *line = find_line(text, "cpu ");
    int n = line == NULL
                ? 0
                : sscanf(line + 4, "%" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64,
                         &field[0], &field[1], &field[2], &field[3], &field[4], &field[5], &field[6], &field[7]);
    if (n < STAT_LEAST)
        return false;
    for (int i = 0; i < STAT_MOST; i++)
        total += field[i];
    *ticks = (struct doctor_ticks){.total = total, .idle = field[3] + field[4], .steal = field[7]};
    return true;
}

bool doctor_parse_chosen(const char *text, char *word, size_t room)
{
    const char *open = strchr(text, '['), *close = open != NULL ? strchr(open, ']') : NULL;
    if (close == NULL || (size_t)(close - open) > room)
        return false;
    memcpy(word, open + 1, (size_t)(close - open - 1));
    word[close - open - 1] = '\0';
    return true;
}

bool doctor_parse_number(const char *text, unsigned n, int64_t *number)
{
    for (;; n--) {
        char *end;
        int64_t value = strtoll(text, &end, 10);
        if (end == text)
            return false;
        if (n == 0) {
            *number = value;
            return true;
        }
        text = end;
    }
}

bool doctor_has_flag(const char *text, const char *key, const char *word)
{
    const char *line = find_line(text, key);
    const size_t n = strlen(word);
    if (line == NULL)
        return false;
    const char *end = strchrnul(line, '\n');
    for (const char *at = line; (at = strstr(at, word)) != NULL && at < end; at += n)
        if (at > line && at[-1] == ' ' && (at[n] == ' ' || at[n] == '\n' || at[n] == '\0'))
            return true;
    return false;
}
