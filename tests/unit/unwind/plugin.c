/* Loaded and unloaded by tests. */
int plugin_calls(int (*called)(int), int value);

__attribute__((noinline)) int plugin_calls(int (*called)(int), int value)
{
    volatile int kept = value;
    return called(kept) + 1;
}
