/* Prints, as one JSON line, all that a program can see of its own surroundings: descriptors, masks,
 * handlers, environment, arguments, folder, timers, limits and threads.  Profiled or not, this must
 * be the same. Arguments: any, they are printed; "burn" first burns 50 ms, "status=N" is its exit
 * status, "child" prints a child's view. */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "truth.h"

extern char **environ;

static void print_string(const char *text)
{
    putchar('"');
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0'; at++) {
        if (*at == '"' || *at == '\\' || *at < 0x20 || *at >= 0x7f)
            printf("\\u%04x", *at);
        else
            putchar(*at);
    }
    putchar('"');
}

static void print_strings(const char *name, char **strings)
{
    printf(", \"%s\": [", name);
    for (int i = 0; strings[i] != NULL; i++) {
        if (i > 0)
            printf(", ");
        print_string(strings[i]);
    }
    printf("]");
}

/* Number, what it is and its flags, of each open descriptor but the folder's own. */
static void print_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    const char *separator = "";

    printf("\"descriptors\": [");
    for (struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;) {
        char path[300], target[512];
        const int fd = atoi(entry->d_name);
        if (entry->d_name[0] == '.' || fd == dirfd(folder))
            continue;
        (void)snprintf(path, sizeof path, "/proc/self/fd/%s", entry->d_name);
        const ssize_t n = readlink(path, target, sizeof target - 1);
        target[n > 0 ? n : 0] = '\0';
        /* Pipes and sockets have a number that differs from run to run. */
        if (strchr(target, ':') != NULL && strchr(target, '[') != NULL)
            *strchr(target, '[') = '\0';
        printf("%s[%d, ", separator, fd);
        print_string(target);
        printf(", %d, %d]", fcntl(fd, F_GETFL), fcntl(fd, F_GETFD));
        separator = ", ";
    }
    printf("]");
    if (folder != NULL)
        (void)closedir(folder);
}

/* The lines of /proc/self/status that tell of signals. */
static void print_status(void)
{
    static const char *const wanted[] = {"SigBlk", "SigIgn",     "SigCgt", "SigPnd",
                                         "ShdPnd", "NoNewPrivs", "Seccomp"};
    FILE *file = fopen("/proc/self/status", "re");
    char line[256];

    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
            const size_t n = strlen(wanted[i]);
            if (strncmp(line, wanted[i], n) == 0 && line[n] == ':') {
                line[strcspn(line, "\n")] = '\0';
                printf(", \"%s\": ", wanted[i]);
                print_string(line + n + 1 + strspn(line + n + 1, "\t "));
            }
        }
    }
    if (file != NULL)
        (void)fclose(file);
}

static void print_file(const char *name, const char *path)
{
    char text[2048];
    FILE *file = fopen(path, "re");
    const size_t n = file != NULL ? fread(text, 1, sizeof text - 1, file) : 0;

    text[n] = '\0';
    printf(", \"%s\": ", name);
    print_string(text);
    if (file != NULL)
        (void)fclose(file);
}

static void print_all(char **argv)
{
    char folder[4096];

    printf("{");
    print_descriptors();
    print_status();
    print_strings("argv", argv);
    print_strings("environ", environ);
    printf(", \"cwd\": ");
    print_string(getcwd(folder, sizeof folder) != NULL ? folder : "?");
    printf(", \"umask\": %d, \"session_is_own\": %d", (int)umask(022), getsid(0) == getpid());
    print_file("timers", "/proc/self/timers");
    print_file("limits", "/proc/self/limits");
    print_file("comm", "/proc/self/comm");
    printf("}\n");
    (void)fflush(stdout);
}

int main(int argc, char **argv)
{
    int status = 0;
    bool is_child = false;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "burn") == 0)
            TRUTH_SPIN(20000000);
        else if (strncmp(argv[i], "status=", 7) == 0)
            status = atoi(argv[i] + 7);
        else if (strcmp(argv[i], "child") == 0)
            is_child = true;
    }
    if (!is_child) {
        print_all(argv);
        return status;
    }
    /* The child is this program again, by exec. */
    const pid_t pid = fork();
    if (pid == 0) {
        (void)execl("/proc/self/exe", "fdlist", "of-a-child", (char *)NULL);
        _exit(127);
    }
    int child_status = 1;
    (void)waitpid(pid, &child_status, 0);
    return child_status == 0 ? status : 1;
}
