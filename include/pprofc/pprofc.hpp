// pprof-c, capture, for C++17: guards over pprofc.h, which says what each call costs.
//
//     pprofc::profile([] { work(); }).write("work.svg");
//
//     pprofc::session session;            // until its end, or stop()
//     ... work ...
//     session.stop().write("out.pb.gz");
//
// Constructors and calls throw pprofc::error; destructors never throw.
#ifndef PPROFC_PPROFC_HPP
#define PPROFC_PPROFC_HPP

#include <cstddef>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#include "pprofc/pprofc.h"

namespace pprofc
{

// What went wrong, for people; code() is the negative errno.
class error : public std::runtime_error
{
  public:
    explicit error(const pprofc_error &err) : std::runtime_error(err.message), code_(err.code)
    {
    }

    int code() const noexcept
    {
        return code_;
    }

  private:
    int code_;
};

namespace detail
{

inline void check(int result, const pprofc_error &err)
{
    if (result < 0)
        throw error(err);
}

struct free_recording {
    void operator()(pprofc_recording *recording) const noexcept
    {
        pprofc_recording_free(recording);
    }
};

} // namespace detail

// Options with their defaults: auto options = pprofc::defaults(); options.frequency_hz = 1000;
inline pprofc_options defaults() noexcept
{
    return PPROFC_OPTIONS_INIT;
}

// A finished recording, in memory.  Moved, not copied.
class recording
{
  public:
    explicit recording(pprofc_recording *owned) noexcept : handle_(owned)
    {
    }

    // .ppc as it is; any other format by running `pprofc convert`.
    void write(const std::string &path) const
    {
        pprofc_error err = {};
        detail::check(pprofc_recording_write(handle_.get(), path.c_str(), &err), err);
    }

    // The bytes of a .ppc file; they live as long as the recording.
    std::pair<const void *, std::size_t> bytes() const noexcept
    {
        std::size_t n_bytes = 0;
        const void *first = pprofc_recording_bytes(handle_.get(), &n_bytes);
        return {first, n_bytes};
    }

    // For the calls of pprofc/profile.h.
    const pprofc_recording *get() const noexcept
    {
        return handle_.get();
    }

  private:
    std::unique_ptr<pprofc_recording, detail::free_recording> handle_;
};

// The process's one session, from here to stop(); one that nobody stopped is thrown away.
class session
{
  public:
    session()
    {
        start(nullptr);
    }
    explicit session(const pprofc_options &options)
    {
        start(&options);
    }

    session(const session &) = delete;
    session &operator=(const session &) = delete;

    ~session()
    {
        if (runs_)
            (void)pprofc_stop(nullptr, nullptr);
    }

    recording stop()
    {
        pprofc_recording *handle = nullptr;
        pprofc_error err = {};
        runs_ = false;
        detail::check(pprofc_stop(&handle, &err), err);
        return recording(handle);
    }

  private:
    void start(const pprofc_options *options)
    {
        pprofc_error err = {};
        detail::check(pprofc_start(options, &err), err);
        runs_ = true;
    }

    bool runs_ = false;
};

// Profiles to the end of its scope and writes 'path'.  When profiling cannot start it does nothing.
class scope
{
  public:
    explicit scope(std::string path)
        : path_(std::move(path)), guard_(pprofc_scope_begin(path_.c_str()))
    {
    }

    scope(const scope &) = delete;
    scope &operator=(const scope &) = delete;

    ~scope()
    {
        pprofc_scope_end(&guard_);
    }

  private:
    std::string path_; // before the guard, which points into it
    pprofc_scope_guard guard_;
};

// A label on this thread to the end of the scope; what cannot be set is left out.
class label
{
  public:
    label(const std::string &key, const std::string &value)
        : before_(pprofc_label_scope_begin(key.c_str(), value.c_str()))
    {
    }

    label(const label &) = delete;
    label &operator=(const label &) = delete;

    ~label()
    {
        pprofc_label_scope_end(&before_);
    }

  private:
    pprofc_context before_;
};

// This thread works in that span to the end of the scope, or to end(), which says what it took.
class span
{
  public:
    span(const unsigned char (&trace_id)[16], const unsigned char (&span_id)[8],
         const std::string &name = {})
    {
        pprofc_error err = {};
        detail::check(pprofc_span_begin(trace_id, span_id, name.c_str(), &err), err);
    }
    explicit span(const std::string &traceparent, const std::string &name = {})
    {
        pprofc_error err = {};
        detail::check(pprofc_span_begin_traceparent(traceparent.c_str(), name.c_str(), &err), err);
    }

    span(const span &) = delete;
    span &operator=(const span &) = delete;

    ~span()
    {
        if (is_open_)
            (void)pprofc_span_end(nullptr, nullptr);
    }

    pprofc_span_summary end()
    {
        pprofc_span_summary summary = PPROFC_SPAN_SUMMARY_INIT;
        pprofc_error err = {};
        is_open_ = false;
        detail::check(pprofc_span_end(&summary, &err), err);
        return summary;
    }

  private:
    bool is_open_ = true;
};

// What this thread is about, for work that goes on in another one: it is about that from the
// guard's begin to its end.
class context
{
  public:
    context() : captured_(pprofc_context_capture())
    {
    }

    class guard
    {
      public:
        explicit guard(const context &of) : before_(pprofc_context_restore(of.captured_))
        {
        }

        guard(const guard &) = delete;
        guard &operator=(const guard &) = delete;

        ~guard()
        {
            (void)pprofc_context_restore(before_);
        }

      private:
        pprofc_context before_;
    };

  private:
    pprofc_context captured_;
};

// Call 'function' and hand out the samples of this thread and of the threads that it made.  What it
// throws comes out after the session has ended.
template <class Function>
recording profile(Function &&function, const pprofc_options &options = defaults())
{
    struct call {
        std::remove_reference_t<Function> *function;
        std::exception_ptr thrown;
    } one{std::addressof(function), nullptr};
    const auto run = [](void *argument) {
        call *const it = static_cast<call *>(argument);
        try {
            (*it->function)();
        } catch (...) { // no exception may pass through C
            it->thrown = std::current_exception();
        }
    };
    pprofc_recording *handle = nullptr;
    pprofc_error err = {};
    const int result = pprofc_profile_call(run, &one, &options, &handle, &err);

    if (one.thrown) {
        pprofc_recording_free(handle);
        std::rethrow_exception(one.thrown);
    }
    detail::check(result, err);
    return recording(handle);
}

} // namespace pprofc

#endif
