// A chain of four functions that are always inlined, leaf first, into one that never is.  The tests know these line numbers.
#include <cstdio>
#define ALWAYS __attribute__((always_inline)) inline
volatile long sink;
namespace chain {
ALWAYS long fourth(long x)
{
    asm volatile(".globl fourth_pc\nfourth_pc: nop" : : : "memory"); // line 8
    return x + sink;
}
ALWAYS long third(long x)
{
    return fourth(x) ^ sink; // line 13
}
ALWAYS long second(long x)
{
    return third(x) + 3; // line 17
}
ALWAYS long first(long x)
{
    return second(x) * 5; // line 21
}
template <typename T> struct Runner {
    __attribute__((noinline)) T run(T x)
    {
        return first(x) + x; // line 26
    }
};
} // namespace chain
extern "C" __attribute__((noinline, noreturn)) void never_returns()
{
    for (;;)
        sink++;
}
extern "C" __attribute__((noinline)) void ends_in_call()
{
    never_returns(); // line 37
}
extern "C" int weak_alias(int) __attribute__((weak, alias("the_real_name")));
extern "C" int __the_other_name(int) __attribute__((alias("the_real_name")));
extern "C" __attribute__((noinline)) int the_real_name(int x)
{
    return (int)sink + x;
}
int main(int argc, char **)
{
    chain::Runner<long> runner;
    if (argc > 100)
        ends_in_call();
    return (int)runner.run(argc) + the_real_name(argc) + std::printf("%s", "");
}
