/* Throws, catches, and asks for its own stack's place, all in a loop: each takes memory within the
 * loader's and the C++ runtime's own work.  Argument: times (1000). */
#include <cstdio>
#include <cstdlib>
#include <pthread.h>
#include <stdexcept>
#include <string>

__attribute__((noinline)) static void throw_it(int i)
{
    throw std::runtime_error(std::string(100, 'x') + std::to_string(i));
}

__attribute__((noinline)) static bool ask_for_stack()
{
    pthread_attr_t attributes;
    void *start = nullptr;
    std::size_t n_bytes = 0;

    if (pthread_getattr_np(pthread_self(), &attributes) != 0)
        return false;
    const bool is_known = pthread_attr_getstack(&attributes, &start, &n_bytes) == 0;
    (void)pthread_attr_destroy(&attributes);
    return is_known && n_bytes > 0;
}

static void *work(void *argument)
{
    long n = 0;

    for (int i = 0; i < *static_cast<int *>(argument); i++) {
        try {
            throw_it(i);
        } catch (const std::runtime_error &error) {
            n += error.what()[0] == 'x';
        }
        n += ask_for_stack();
    }
    return reinterpret_cast<void *>(n);
}

int main(int argc, char **argv)
{
    int n_times = argc > 1 ? std::atoi(argv[1]) : 1000;
    pthread_t threads[2];
    long n_good = 0;

    for (pthread_t &thread : threads)
        if (pthread_create(&thread, nullptr, work, &n_times) != 0)
            return 2;
    for (pthread_t &thread : threads) {
        void *n;
        (void)pthread_join(thread, &n);
        n_good += reinterpret_cast<long>(n);
    }
    std::printf("%ld\n", n_good);
    return n_good == 4L * n_times ? 0 : 1;
}
