#include "replay/pace.h"

#include "sim/source.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

/* "PATTERN=RATE" or "RATE": where the rate begins. */
static const char *rate_of(const char *text)
{
    const char *equals = strrchr(text, '=');
    return equals != NULL ? equals + 1 : text;
}

static bool is_for_all(const char *text)
{
    return rate_of(text) == text;
}

static int check_rates(const struct option_list *rates, struct diag *diag)
{
    struct clock_rate rate;
    for (unsigned i = 0; i < rates->count; i++)
        if (rates->at[i][0] == '=' || options_rate(rate_of(rates->at[i]), &rate) < 0)
            return diag_fail(diag, DIAG_USAGE,
                             "--rate: '%s' is not a rate above 0, nor PATTERN=RATE (examples: 120Hz, 'area-detector:*=29.97Hz')",
                             rates->at[i]);
    return 0;
}

static int check_speed(struct clock_rate speed, struct diag *diag)
{
    if (sim_is_speed(speed))
        return 0;
    return diag_fail(diag, DIAG_USAGE, "--speed: %g is outside 0.01 to 1000 (example: --speed 2)",
                     (double)speed.num / (double)speed.den);
}

static int check_conflicts(const struct pace *pace, struct diag *diag)
{
    bool has_pattern = false, has_all = false, has_speed = pace->speed.num > 0;
    for (unsigned i = 0; i < pace->rates.count; i++)
        *(is_for_all(pace->rates.at[i]) ? &has_all : &has_pattern) = true;
    if (has_speed + has_all + pace->asap + pace->step > 1)
        return diag_fail(diag, DIAG_USAGE, "--speed, --rate HZ, --asap and --step exclude each other (example: --speed 2)");
    if (has_pattern && (pace->asap || pace->step))
        return diag_fail(diag, DIAG_USAGE, "--rate %s and --%s exclude each other (example: --rate 'area-detector:*=120Hz')",
                         pace->rates.at[0], pace->asap ? "asap" : "step");
    return 0;
}

int pace_check(const struct pace *pace, struct playback_config *playback, struct diag *diag)
{
    const struct clock_rate speed = pace->speed.num > 0 ? pace->speed : (struct clock_rate){1, 1};
    if (check_rates(&pace->rates, diag) < 0 || check_conflicts(pace, diag) < 0 || check_speed(speed, diag) < 0)
        return -1;
    playback->pace = pace->asap ? PLAYBACK_ASAP : pace->step ? PLAYBACK_STEP : PLAYBACK_RECORDED;
    playback->speed = speed;
    playback->loops = pace->loops;
    return 0;
}

/* Give the PVs that one --rate names its rate. */
static int set_rate(const char *text, const struct timeline *timeline, struct clock_rate *rates, struct diag *diag)
{
    char *pattern = is_for_all(text) ? strdup("*") : strndup(text, (size_t)(rate_of(text) - text) - 1);
    struct clock_rate rate;
    uint32_t matched = 0;
    if (pattern == NULL)
        return diag_fail(diag, DIAG_ENVIRONMENT, "no memory for --rate %s", text);
    options_rate(rate_of(text), &rate);
    for (uint32_t i = 0; i < timeline->npvs; i++)
        if (fnmatch(pattern, timeline->pvs[i].name, 0) == 0) {
            rates[i] = rate;
            matched++;
        }
    if (matched == 0)
        diag_fail(diag, DIAG_USAGE, "--rate %s: '%s' matches none of the %u PVs recorded (example: '%s=10Hz')", text, pattern,
                  timeline->npvs, timeline->pvs[0].name);
    free(pattern);
    return matched > 0 ? 0 : -1;
}

int pace_rates(const struct pace *pace, const struct timeline *timeline, struct clock_rate **rates, struct diag *diag)
{
    *rates = NULL;
    if (pace->rates.count == 0)
        return 0;
    *rates = calloc((size_t)timeline->npvs + 1, sizeof **rates);
    if (*rates == NULL)
        return diag_fail(diag, DIAG_ENVIRONMENT, "no memory for the rates of %u PVs", timeline->npvs);
    for (uint32_t i = 0; i < timeline->npvs; i++)
        (*rates)[i].den = 1;
    for (unsigned i = 0; i < pace->rates.count; i++)
        if (set_rate(pace->rates.at[i], timeline, *rates, diag) < 0)
            return -1;
    return 0;
}
