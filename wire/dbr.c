#include "wire/dbr.h"

#define PLAIN(label, value, bytes)                                                                                               \
    {                                                                                                                            \
        .name = label, .size = bytes, .base = value, .family = WIRE_PLAIN                                                        \
    }
#define ROW(label, at, value, bytes, f)                                                                                          \
    {                                                                                                                            \
        .name = label, .offset = at, .size = bytes, .base = value, .family = f                                                   \
    }

const struct wire_type wire_types[WIRE_TYPES] = {
    [0] = PLAIN("STRING", WIRE_STRING, 40),
    [1] = PLAIN("SHORT", WIRE_INT16, 2),
    [2] = PLAIN("FLOAT", WIRE_FLOAT, 4),
    [3] = PLAIN("ENUM", WIRE_ENUM, 2),
    [4] = PLAIN("CHAR", WIRE_CHAR, 1),
    [5] = PLAIN("LONG", WIRE_INT32, 4),
    [6] = PLAIN("DOUBLE", WIRE_DOUBLE, 8),
    [7] = ROW("STS_STRING", 4, WIRE_STRING, 40, WIRE_STS),
    [8] = ROW("STS_SHORT", 4, WIRE_INT16, 2, WIRE_STS),
    [9] = ROW("STS_FLOAT", 4, WIRE_FLOAT, 4, WIRE_STS),
    [10] = ROW("STS_ENUM", 4, WIRE_ENUM, 2, WIRE_STS),
    [11] = ROW("STS_CHAR", 5, WIRE_CHAR, 1, WIRE_STS),
    [12] = ROW("STS_LONG", 4, WIRE_INT32, 4, WIRE_STS),
    [13] = ROW("STS_DOUBLE", 8, WIRE_DOUBLE, 8, WIRE_STS),
    [14] = ROW("TIME_STRING", 12, WIRE_STRING, 40, WIRE_TIME),
    [15] = ROW("TIME_SHORT", 14, WIRE_INT16, 2, WIRE_TIME),
    [16] = ROW("TIME_FLOAT", 12, WIRE_FLOAT, 4, WIRE_TIME),
    [17] = ROW("TIME_ENUM", 14, WIRE_ENUM, 2, WIRE_TIME),
    [18] = ROW("TIME_CHAR", 15, WIRE_CHAR, 1, WIRE_TIME),
    [19] = ROW("TIME_LONG", 12, WIRE_INT32, 4, WIRE_TIME),
    [20] = ROW("TIME_DOUBLE", 16, WIRE_DOUBLE, 8, WIRE_TIME),
    [21] = ROW("GR_STRING", 4, WIRE_STRING, 40, WIRE_GR),
    [22] = ROW("GR_SHORT", 24, WIRE_INT16, 2, WIRE_GR),
    [23] = ROW("GR_FLOAT", 40, WIRE_FLOAT, 4, WIRE_GR),
    [24] = ROW("GR_ENUM", 422, WIRE_ENUM, 2, WIRE_GR),
    [25] = ROW("GR_CHAR", 19, WIRE_CHAR, 1, WIRE_GR),
    [26] = ROW("GR_LONG", 36, WIRE_INT32, 4, WIRE_GR),
    [27] = ROW("GR_DOUBLE", 64, WIRE_DOUBLE, 8, WIRE_GR),
    [28] = ROW("CTRL_STRING", 4, WIRE_STRING, 40, WIRE_CTRL),
    [29] = ROW("CTRL_SHORT", 28, WIRE_INT16, 2, WIRE_CTRL),
    [30] = ROW("CTRL_FLOAT", 48, WIRE_FLOAT, 4, WIRE_CTRL),
    [31] = ROW("CTRL_ENUM", 422, WIRE_ENUM, 2, WIRE_CTRL),
    [32] = ROW("CTRL_CHAR", 21, WIRE_CHAR, 1, WIRE_CTRL),
    [33] = ROW("CTRL_LONG", 44, WIRE_INT32, 4, WIRE_CTRL),
    [34] = ROW("CTRL_DOUBLE", 80, WIRE_DOUBLE, 8, WIRE_CTRL),
    [WIRE_PUT_ACKT] = ROW("PUT_ACKT", 0, WIRE_ENUM, 2, WIRE_SPECIAL),
    [WIRE_PUT_ACKS] = ROW("PUT_ACKS", 0, WIRE_ENUM, 2, WIRE_SPECIAL),
    [WIRE_STSACK_STRING] = ROW("STSACK_STRING", 8, WIRE_STRING, 40, WIRE_SPECIAL),
    [WIRE_CLASS_NAME] = ROW("CLASS_NAME", 0, WIRE_STRING, 40, WIRE_SPECIAL),
};
