/* A tiny library for dlstorm to load and unload; two of it are built, PLUGIN_SALT apart. */
#ifndef PLUGIN_SALT
#define PLUGIN_SALT 1
#endif

int plugin_work(int n_iterations);

/* Never 0, so that the caller can tell it ran. */
int plugin_work(int n_iterations)
{
    unsigned state = PLUGIN_SALT;
    for (int i = 0; i < n_iterations; i++)
        state = state * 1664525u + 1013904223u;
    return (int)(state | 1u);
}
