/* Answers questions about src/profile/statistics.c, a line each: "student_p T DEGREES" and so on,
 * numbers with all their digits. */
#include <stdio.h>
#include <string.h>

#include "profile/statistics.h"

enum { MOST_VALUES = 64 };

static int put_ratio(struct pp_ratio ratio)
{
    return printf("%.17g %.17g %.17g %.17g\n", ratio.ratio, ratio.limits.low, ratio.limits.high,
                  ratio.p);
}

static int put_interval(struct pp_interval interval)
{
    return printf("%.17g %.17g\n", interval.low, interval.high);
}

static int put_adjusted(const double *p, size_t n)
{
    double adjusted[MOST_VALUES];

    if (pp_benjamini_hochberg(p, NULL, n, adjusted) != 0)
        return -1;
    for (size_t i = 0; i < n; i++)
        (void)printf("%.17g%c", adjusted[i], i + 1 < n ? ' ' : '\n');
    return 0;
}

static int answer(const char *what, const double *x, int n)
{
    if (strcmp(what, "student_p") == 0 && n == 2)
        return printf("%.17g\n", pp_student_p(x[0], x[1]));
    if (strcmp(what, "student_95") == 0 && n == 1)
        return printf("%.17g\n", pp_student_95(x[0]));
    if (strcmp(what, "welch_degrees") == 0 && n == 4)
        return printf("%.17g\n", pp_welch_degrees(x[0], x[1], x[2], x[3]));
    if (strcmp(what, "log_variance") == 0 && n == 1)
        return printf("%.17g %.17g\n", pp_log_variance_mean(x[0]), pp_log_variance_variance(x[0]));
    if (strcmp(what, "degrees_of_spread") == 0 && n == 1)
        return printf("%.17g\n", pp_degrees_of_spread(x[0]));
    if (strcmp(what, "wilson") == 0 && n == 3)
        return put_interval(pp_wilson_interval(x[0], x[1], x[2]));
    if (strcmp(what, "newcombe") == 0 && n == 5)
        return put_interval(pp_newcombe_interval(x[0], x[1], x[2], x[3], x[4]));
    if (strcmp(what, "unpaired") == 0 && n >= 2 && n % 2 == 0) /* halves */
        return put_ratio(pp_unpaired_ratio(x, (size_t)n / 2, x + n / 2, (size_t)n / 2, 0));
    if (strcmp(what, "benjamini_hochberg") == 0)
        return put_adjusted(x, (size_t)n);
    return -1;
}

int main(void)
{
    char line[4096];

    while (fgets(line, sizeof line, stdin) != NULL) {
        double values[MOST_VALUES];
        char what[32];
        int n = 0, at = 0, used = 0;
        if (sscanf(line, "%31s%n", what, &at) != 1)
            return 1;
        while (n < MOST_VALUES && sscanf(line + at, "%lf%n", &values[n], &used) == 1) {
            at += used;
            n++;
        }
        if (answer(what, values, n) < 0)
            return 1;
    }
    return 0;
}
