/* How far two values are apart, as EPICS Base's deadbands measure it (recGblCheckDeadband()). Pure. */
#ifndef CAPLAY_SIM_DEADBAND_H
#define CAPLAY_SIM_DEADBAND_H

#include <math.h>

/* Infinite between numbers of different kinds: a NaN and none, an infinity and another. */
static inline double deadband_distance(double a, double b)
{
    if (isfinite(a) && isfinite(b))
        return fabs(a - b);
    if (!isnan(a) != !isnan(b) || !isinf(a) != !isinf(b) || (isinf(a) && a != b))
        return (double)INFINITY;
    return 0;
}

#endif
