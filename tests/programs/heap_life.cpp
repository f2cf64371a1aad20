/* heap_life.c by new and delete: the same source, read as C++. */
#include "heap_life.c"
