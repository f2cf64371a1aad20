/* Finds the auxiliary vector in the ways that programs do: behind the environment as the kernel put
 * it on the stack (Go's runtime), behind main's third argument, and behind environ.  Prints whether
 * each gives the page size, and what environ holds.  With the argument "title" it then writes over
 * the strings of arguments and environment, as programs that set their title do, and executes
 * itself. */
#include <elf.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

extern char **environ;

static bool has_page_size(char **variables)
{
    const Elf64_auxv_t *vector;

    while (*variables != NULL)
        variables++;
    vector = (const Elf64_auxv_t *)(const void *)(variables + 1);
    for (int i = 0; i < 64 && vector[i].a_type != AT_NULL; i++)
        if (vector[i].a_type == AT_PAGESZ)
            return vector[i].a_un.a_val == getauxval(AT_PAGESZ);
    return false;
}

/* Which of our variables a list holds. */
static int count_ours(char **variables)
{
    int n = 0;

    for (; *variables != NULL; variables++)
        n += strncmp(*variables, "PPROFC", 6) == 0 || strncmp(*variables, "LD_PRELOAD=", 11) == 0;
    return n;
}

static void write_title(char **argv, char **on_stack)
{
    for (char **at = on_stack; *at != NULL; at++)
        memset(*at, 'x', strlen(*at));
    memset(argv[0], 't', strlen(argv[0]));
}

int main(int argc, char **argv, char **variables)
{
    char **const on_stack = argv + argc + 1;
    char title[] = "initial_stack", *const again[] = {title, NULL}, *const none[] = {NULL};

    printf("{\"stack\": %d, \"main\": %d, \"environ\": %d, \"n_ours\": [%d, %d, %d], \"n\": ",
           has_page_size(on_stack), has_page_size(variables), has_page_size(environ),
           count_ours(on_stack), count_ours(variables), count_ours(environ));
    for (argc = 0; environ[argc] != NULL; argc++)
        continue;
    printf("%d}\n", argc);
    (void)fflush(stdout);
    if (argv[1] == NULL || strcmp(argv[1], "title") != 0)
        return 0;
    write_title(argv, on_stack);
    (void)execve("/proc/self/exe", again, none);
    return 1;
}
