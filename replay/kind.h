/* What a recorded PV's name and shape tell about the field behind it, as far as conversions depend on that. Pure. */
#ifndef CAPLAY_REPLAY_KIND_H
#define CAPLAY_REPLAY_KIND_H

#include "wire/value.h"

struct kind_traits {
    const char *name, *record_type; /* record_type "": nobody asked for it */
    unsigned native;                /* enum wire_base */
    uint32_t count;
};

/* The pseudo field RTYP; a STRING field that is read with `$`; VAL of a 64-bit integer. Everything else is plain. */
enum wire_field kind_of(const struct kind_traits *traits);

#endif
