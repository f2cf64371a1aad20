// Benchmarks of Google's library, with names that a shell and a regular expression would misread.
// GOOGLE_CASES_EXTRA=N makes slow_part() N % of the work more in one of them; with N < 0 it fails.
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include <benchmark/benchmark.h>

namespace {

int extra_percent()
{
    const char *value = std::getenv("GOOGLE_CASES_EXTRA");

    return value != nullptr ? std::atoi(value) : 0;
}

__attribute__((noinline)) void steady_part(int n)
{
    for (int i = 0; i < n; i++)
        benchmark::DoNotOptimize(i);
}

__attribute__((noinline)) void slow_part(int n)
{
    for (int i = n; i > 0; i--) // another loop: the compiler would put two equal ones together
        benchmark::DoNotOptimize(i);
}

void BM_parts(benchmark::State &state)
{
    const int n = static_cast<int>(state.range(0));
    const int extra = n * extra_percent() / 100;

    if (extra < 0) {
        std::fputs("google_cases: it cannot go on\n", stderr);
        std::exit(5);
    }
    for (auto _ : state) {
        steady_part(n);
        slow_part(extra);
    }
}

template <typename Number> void BM_sum(benchmark::State &state)
{
    Number sum = 0;

    for (auto _ : state) {
        for (int i = 0; i < 5000; i++)
            benchmark::DoNotOptimize(sum += static_cast<Number>(i));
    }
}

void BM_fails(benchmark::State &state)
{
    state.SkipWithError("this one cannot work");
    for (auto _ : state)
        break;
}

} // namespace

BENCHMARK(BM_parts)->Arg(5000)->Arg(50000);
BENCHMARK_TEMPLATE(BM_sum, uint64_t)->UseRealTime()->Unit(benchmark::kMicrosecond);
BENCHMARK(BM_fails);
BENCHMARK_MAIN();
