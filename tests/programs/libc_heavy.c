/* Nearly all CPU is inside libc (sorting, printing, parsing, searching), which keeps no frame
 * pointers; the callers must be found all the same, callbacks from libc included.  Arguments: CPU
 * seconds (2). */
#include <string.h>

#include "truth.h"

enum { N_NUMBERS = 400, TEXT_BYTES = 4096 };

static double numbers[N_NUMBERS];
static char text[TEXT_BYTES];

TRUTH_NOINLINE static int compare_numbers(const void *left, const void *right)
{
    const double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

TRUTH_NOINLINE static void sorting(uint64_t *random)
{
    for (int i = 0; i < N_NUMBERS; i++)
        numbers[i] = (double)(truth_random(random) % 100000) / 7;
    qsort(numbers, N_NUMBERS, sizeof numbers[0], compare_numbers);
    TRUTH_KEEP_FRAME();
}

TRUTH_NOINLINE static void printing_and_parsing(void)
{
    char shown[64];
    for (int i = 0; i < N_NUMBERS; i++) {
        (void)snprintf(shown, sizeof shown, "%.9g", numbers[i]);
        numbers[i] += strtod(shown, NULL);
    }
    TRUTH_KEEP_FRAME();
}

TRUTH_NOINLINE static size_t searching(void)
{
    size_t n = 0;
    for (int i = 0; i < 200; i++) {
        n += strlen(text) + (strstr(text, "needle") != NULL);
        TRUTH_KEEP_FRAME();
    }
    return n;
}

int main(int argc, char **argv)
{
    struct truth_phase phases[] = {
        {.name = "sorting", .function = "sorting"},
        {.name = "printing", .function = "printing_and_parsing"},
        {.name = "searching", .function = "searching"},
    };
    uint64_t random = 88172645463325252u;

    memset(text, 'n', sizeof text - 1);
    const uint64_t end_ns = truth_deadline_ns(truth_argument(argc, argv, 1, 2));
    uint64_t now_ns = truth_thread_ns();
    while (now_ns < end_ns) {
        const uint64_t start_ns = now_ns;
        sorting(&random);
        const uint64_t sorted_ns = truth_thread_ns();
        printing_and_parsing();
        const uint64_t printed_ns = truth_thread_ns();
        if (searching() == 0)
            return 1;
        now_ns = truth_thread_ns();
        phases[0].cpu_ns += sorted_ns - start_ns;
        phases[1].cpu_ns += printed_ns - sorted_ns;
        phases[2].cpu_ns += now_ns - printed_ns;
    }
    truth_print("libc_heavy", phases, 3, truth_main_root, "");
    return 0;
}
