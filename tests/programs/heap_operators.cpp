/* Calls every operator new and delete a known number of times, checks what it gets, and says how
 * many calls there were.  Argument: rounds (100). */
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <unistd.h>

#define NOINLINE __attribute__((noinline))

static unsigned long long n_allocs, n_frees, n_errors, requested_bytes;

static void *check(void *object, std::size_t n_bytes, std::size_t alignment)
{
    alignment = n_bytes < alignment && alignment == 16 ? 8 : alignment; /* others than glibc */
    n_allocs++;
    requested_bytes += n_bytes;
    if (object == nullptr || reinterpret_cast<std::uintptr_t>(object) % alignment != 0)
        n_errors++;
    std::memset(object, 'x', n_bytes);
    n_frees++;
    return object;
}

NOINLINE static void call_plain(std::size_t n)
{
    ::operator delete(check(::operator new(n), n, 16));
    ::operator delete[](check(::operator new[](n), n, 16));
    ::operator delete(check(::operator new(n), n, 16), n);
    ::operator delete[](check(::operator new[](n), n, 16), n);
}

NOINLINE static void call_nothrow(std::size_t n)
{
    ::operator delete(check(::operator new(n, std::nothrow), n, 16), std::nothrow);
    ::operator delete[](check(::operator new[](n, std::nothrow), n, 16), std::nothrow);
}

/* A multiple of the alignment: libstdc++ asks for that anyhow. */
NOINLINE static void call_aligned(std::size_t n)
{
    const std::align_val_t align{128};

    n = n * 128;
    ::operator delete(check(::operator new(n, align), n, 128), align);
    ::operator delete[](check(::operator new[](n, align), n, 128), align);
    ::operator delete(check(::operator new(n, align), n, 128), n, align);
    ::operator delete[](check(::operator new[](n, align), n, 128), n, align);
    ::operator delete(check(::operator new(n, align, std::nothrow), n, 128), align, std::nothrow);
    ::operator delete[](check(::operator new[](n, align, std::nothrow), n, 128), align,
                        std::nothrow);
}

/* What is not to be had is said as the language says it. */
NOINLINE static void call_in_vain(volatile std::size_t much)
{
    bool is_thrown = false;

    try {
        static void *volatile object;
        object = ::operator new(much);
        (void)object;
    } catch (const std::bad_alloc &) {
        is_thrown = true;
    }
    if (!is_thrown || ::operator new(much, std::nothrow) != nullptr)
        n_errors++;
}

int main(int argc, char **argv)
{
    const int n_rounds = argc > 1 ? std::atoi(argv[1]) : 100;
    char line[200];

    for (int i = 0; i < n_rounds; i++) {
        const std::size_t n = 1 + static_cast<std::size_t>(i * 37 % 3000);
        call_plain(n);
        call_plain(n * 100);
        call_nothrow(n);
        call_aligned(1 + n / 100);
    }
    if (argc > 2)
        call_in_vain(SIZE_MAX / 2);
    const int n = std::snprintf(line, sizeof line,
                                "{\"n_allocs\": %llu, \"n_reallocs\": 0, \"n_frees\": %llu, "
                                "\"requested_bytes\": %llu, \"n_errors\": %llu}\n",
                                n_allocs, n_frees, requested_bytes, n_errors);
    return write(1, line, static_cast<std::size_t>(n)) == n && n_errors == 0 ? 0 : 1;
}
