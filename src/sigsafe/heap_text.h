/* Our functions between the program and its allocator lie in one section, and so do those between a
 * thread and its start, so that their frames can be told from the program's: no frame of ours is in
 * the stack of a heap's site. */
#ifndef PP_SIGSAFE_HEAP_TEXT_H
#define PP_SIGSAFE_HEAP_TEXT_H

#define PP_HEAP_TEXT __attribute__((section("pp_heap_text"), noinline))

/* The linker defines these for a section whose name is one of C's. */
extern const char pp_heap_text_start[] __asm__("__start_pp_heap_text")
    __attribute__((visibility("hidden")));
extern const char pp_heap_text_limit[] __asm__("__stop_pp_heap_text")
    __attribute__((visibility("hidden")));

#endif
