/* A case that cannot run here says why; tests/run prints it. */
#ifndef TESTS_SKIP_BECAUSE_H
#define TESTS_SKIP_BECAUSE_H

#define skip_because(...)           \
    do {                            \
        print_message("skipped: "); \
        print_message(__VA_ARGS__); \
        print_message("\n");        \
        skip();                     \
    } while (0)

#endif
