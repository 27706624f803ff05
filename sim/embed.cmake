# FILE (a text) as the C string NAME: cmake -D FILE=... -D NAME=... -D OUT=... -P embed.cmake
file(READ ${FILE} bytes HEX)
string(REGEX REPLACE "(..)" "'\\\\x\\1'," bytes "${bytes}")
file(WRITE ${OUT} "extern const char ${NAME}[];\nconst char ${NAME}[] = {${bytes}0};\n")
