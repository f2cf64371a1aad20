// As wait_truth.c, by C++'s library: what each took by std::chrono::steady_clock, "NAME
// NANOSECONDS".
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <future>
#include <mutex>
#include <shared_mutex>
#include <thread>

#define NOINLINE __attribute__((noinline, noclone))
#define KEEP_FRAME() __asm__ volatile("" ::: "memory")

using namespace std::chrono_literals;

static std::mutex mutex, guard;
static std::shared_mutex shared;
static std::condition_variable condition;
static bool is_ready;
static std::future<void> future;
static std::atomic<bool> is_timed;

// Pause, once another thread is about to wait.
static void pause_beside(std::chrono::milliseconds time)
{
    while (!is_timed)
        std::this_thread::sleep_for(1ms);
    std::this_thread::sleep_for(time);
}

NOINLINE static void sleeper()
{
    std::this_thread::sleep_for(300ms);
    KEEP_FRAME();
}

NOINLINE static void locker()
{
    std::lock_guard<std::mutex> hold(mutex);
    KEEP_FRAME();
}

NOINLINE static void sharer()
{
    std::shared_lock<std::shared_mutex> hold(shared);
    KEEP_FRAME();
}

NOINLINE static void writer()
{
    std::unique_lock<std::shared_mutex> hold(shared);
    KEEP_FRAME();
}

NOINLINE static void waiter()
{
    std::unique_lock<std::mutex> hold(guard);
    condition.wait(hold, [] { return is_ready; });
    KEEP_FRAME();
}

NOINLINE static void timed_waiter()
{
    std::unique_lock<std::mutex> hold(guard);
    condition.wait_for(hold, 150ms, [] { return false; });
    KEEP_FRAME();
}

static void come_later()
{
    pause_beside(250ms);
}

NOINLINE static void future_waiter()
{
    future.get();
    KEEP_FRAME();
}

static void time_it(const char *name, void (*function)())
{
    const auto begin = std::chrono::steady_clock::now();

    is_timed = true;
    function();
    std::printf("%s %lld\n", name,
                static_cast<long long>(
                    std::chrono::nanoseconds(std::chrono::steady_clock::now() - begin).count()));
    is_timed = false;
}

template <typename Lock> static void time_held(const char *name, void (*function)(), Lock hold)
{
    std::thread other(time_it, name, function);

    pause_beside(400ms);
    hold.unlock();
    other.join();
}

static void signaller()
{
    pause_beside(200ms);
    std::lock_guard<std::mutex> hold(guard);
    is_ready = true;
    condition.notify_one();
}

int main()
{
    time_it("sleeper", sleeper);
    time_held("locker", locker, std::unique_lock<std::mutex>(mutex));
    time_held("sharer", sharer, std::unique_lock<std::shared_mutex>(shared));
    time_held("writer", writer, std::shared_lock<std::shared_mutex>(shared));
    std::thread other(signaller);
    time_it("waiter", waiter);
    other.join();
    time_it("timed_waiter", timed_waiter);
    future = std::async(std::launch::async, come_later);
    time_it("future_waiter", future_waiter);
    return 0;
}
