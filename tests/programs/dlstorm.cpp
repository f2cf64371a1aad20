// Two threads load and unload plugins in a loop while two others throw and catch: the loader's lock
// is always held by someone, so a handler that wants it hangs.  Arguments: wall seconds (3), folder
// of the plugins (that of the program).
#include <dlfcn.h>
#include <pthread.h>

#include <atomic>
#include <stdexcept>
#include <string>

#include "truth.h"

static std::atomic<bool> is_over{false};
static std::atomic<long> n_loads{0}, n_throws{0};
static std::string folder;

static void *load_and_unload(void *argument)
{
    const std::string path = folder + static_cast<const char *>(argument);
    while (!is_over) {
        void *plugin = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
        if (plugin == nullptr) {
            (void)fprintf(stderr, "dlstorm: %s\n", dlerror());
            abort();
        }
        typedef int (*work_fn)(int);
        const work_fn work = reinterpret_cast<work_fn>(dlsym(plugin, "plugin_work"));
        if (work == nullptr || work(2000) == 0)
            abort();
        (void)dlclose(plugin);
        n_loads++;
    }
    (void)truth_thread_done();
    return nullptr;
}

static void throw_deep(int depth)
{
    if (depth == 0)
        throw std::runtime_error("thrown on purpose");
    throw_deep(depth - 1);
    TRUTH_KEEP_FRAME();
}

static void *throw_and_catch(void *)
{
    while (!is_over) {
        try {
            throw_deep(10);
        } catch (const std::exception &) {
            n_throws++;
        }
    }
    (void)truth_thread_done();
    return nullptr;
}

static std::string own_folder()
{
    char path[4096];
    const ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    const std::string whole(path, n > 0 ? static_cast<size_t>(n) : 0);
    return whole.substr(0, whole.rfind('/'));
}

int main(int argc, char **argv)
{
    static char first[] = "/plugin_one.so", second[] = "/plugin_two.so";
    pthread_t threads[4];

    folder = argc > 2 ? argv[2] : own_folder();
    if (pthread_create(&threads[0], nullptr, load_and_unload, first) != 0 ||
        pthread_create(&threads[1], nullptr, load_and_unload, second) != 0 ||
        pthread_create(&threads[2], nullptr, throw_and_catch, nullptr) != 0 ||
        pthread_create(&threads[3], nullptr, throw_and_catch, nullptr) != 0)
        return 1;
    (void)usleep(static_cast<useconds_t>(truth_argument(argc, argv, 1, 3) * 1e6));
    is_over = true;
    for (const pthread_t thread : threads)
        (void)pthread_join(thread, nullptr);

    const std::string extra =
        ", \"n_loads\": " + std::to_string(n_loads) + ", \"n_throws\": " + std::to_string(n_throws);
    truth_print("dlstorm", nullptr, 0, truth_main_root, extra.c_str());
    return n_loads > 0 && n_throws > 0 ? 0 : 1;
}
