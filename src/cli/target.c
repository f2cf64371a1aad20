/* What kind of program a command is, and so whether preloading can work. */
#include "cli/target.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/memory.h"
#include "cli/elf_facts.h"
#include "cli/find_program.h"

enum {
    MAX_INTERPRETERS = 5, /* as deep as the kernel goes */
    SCRIPT_LINE_BYTES = 256,
};

#if defined(__x86_64__)
static const uint16_t own_machine = EM_X86_64;
#elif defined(__aarch64__)
static const uint16_t own_machine = EM_AARCH64;
#else
#error "say which machine this is"
#endif

/* The next word of '*line', or NULL; ends it with a NUL and moves on. */
static char *next_word(char **line)
{
    char *word = *line + strspn(*line, " \t");
    const size_t n_chars = strcspn(word, " \t");

    if (n_chars == 0)
        return NULL;
    *line = word + n_chars;
    if (**line != '\0')
        *(*line)++ = '\0';
    return word;
}

/* The program that "env [OPTIONS] [NAME=VALUE].. PROGRAM" runs, or NULL. */
static const char *skip_env(char *line)
{
    char *word;

    while ((word = next_word(&line)) != NULL)
        if (word[0] != '-' && strchr(word, '=') == NULL)
            return word;
    return NULL;
}

/* If 'path' is a script, put its interpreter into 'interpreter_out'. */
static bool find_interpreter(const char *path, char interpreter_out[PATH_MAX])
{
    pp_autoclose_fd int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    char text[SCRIPT_LINE_BYTES], *line = text + 2;
    const char *program;
    ssize_t n_bytes;

    if (descriptor < 0)
        return false;
    n_bytes = pread(descriptor, text, sizeof text - 1, 0);
    if (n_bytes < 2)
        return false;
    text[n_bytes] = '\0';
    if (strncmp(text, "#!", 2) != 0)
        return false;
    text[strcspn(text, "\n")] = '\0';
    program = next_word(&line);
    if (program != NULL && strcmp(pp_base_name(program), "env") == 0) {
        const char *asked = skip_env(line);
        if (asked != NULL)
            return pp_find_program(asked, interpreter_out) == 0;
    }
    return program != NULL && snprintf(interpreter_out, PATH_MAX, "%s", program) < PATH_MAX;
}

/* The loader ignores preloads when the program gets rights that its caller has not. */
static bool gains_rights(const char *path)
{
    struct stat status;

    if (stat(path, &status) != 0)
        return false;
    if ((status.st_mode & S_ISUID) != 0 && status.st_uid != getuid())
        return true;
    if ((status.st_mode & S_ISGID) != 0 && (status.st_mode & S_IXGRP) != 0 &&
        status.st_gid != getgid())
        return true;
    return getuid() != 0 && getxattr(path, "security.capability", NULL, 0) > 0;
}

#define REFUSE(target, ...) \
    ((void)snprintf((target)->shortcoming, sizeof(target)->shortcoming, __VA_ARGS__))

static void judge_facts(struct pp_target *target, const struct pp_elf_facts *facts)
{
    const char *name = pp_base_name(target->inspected);

    if (!facts->is_elf)
        REFUSE(target, "%s is no ELF program, so it runs unprofiled", name);
    else if (!facts->is_64_bit && facts->machine != own_machine)
        REFUSE(target, "%s is a 32-bit program (%s), so it runs unprofiled; build it for %s", name,
               pp_elf_machine_name(facts->machine), pp_elf_machine_name(own_machine));
    else if (facts->machine != own_machine || !facts->is_64_bit || !facts->is_little_endian)
        REFUSE(target, "%s is built for %s and this pprofc for %s, so it runs unprofiled", name,
               pp_elf_machine_name(facts->machine), pp_elf_machine_name(own_machine));
    else if (facts->links_capture)
        target->links_capture = true;
    else if (!facts->is_dynamic && facts->is_go)
        REFUSE(target,
               "%s is a statically linked Go program, so it cannot be preloaded; use Go's own "
               "runtime/pprof",
               name);
    else if (!facts->is_dynamic)
        REFUSE(target, "%s is statically linked, so it cannot be preloaded; link it with -lpprofc",
               name);
    else if (strstr(facts->interpreter, "/ld-musl") != NULL)
        REFUSE(target,
               "%s is linked with musl, and libpprofc-preload.so needs glibc, so it runs "
               "unprofiled; build it with glibc",
               name);
    else if (facts->sanitizer != NULL)
        REFUSE(target,
               "%s is built with %s, which cannot be preloaded; it runs unprofiled: profile a "
               "build without -fsanitize",
               name, facts->sanitizer);
    else
        target->can_preload = true;
}

static void inspect(struct pp_target *target)
{
    struct pp_elf_facts facts;
    pp_autoclose_fd int descriptor = -1;

    if (gains_rights(target->inspected)) {
        REFUSE(target,
               "%s is setuid, setgid or has file capabilities (secure mode), so it is not "
               "profiled; run it as the user whose rights it takes",
               pp_base_name(target->inspected));
        return;
    }
    descriptor = open(target->inspected, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) {
        target->can_preload = true; /* executable but not readable: nothing speaks against it */
        return;
    }
    pp_elf_facts_read(descriptor, &facts);
    judge_facts(target, &facts);
}

int pp_target_find(const char *command, struct pp_target *target_out)
{
    char interpreter[PATH_MAX], magic[4] = "";
    int descriptor, rc;

    memset(target_out, 0, sizeof *target_out);
    rc = pp_find_program(command, target_out->path);
    if (rc < 0)
        return rc;
    memcpy(target_out->inspected, target_out->path, sizeof target_out->inspected);
    for (int depth = 0; depth < MAX_INTERPRETERS; depth++) {
        if (!find_interpreter(target_out->inspected, interpreter))
            break;
        target_out->is_script = true;
        memcpy(target_out->inspected, interpreter, sizeof target_out->inspected);
    }
    /* A text file without "#!" is run by the shell, as execvp() does. */
    descriptor = open(target_out->inspected, O_RDONLY | O_CLOEXEC);
    if (descriptor >= 0) {
        if (pread(descriptor, magic, sizeof magic, 0) > 0 && memcmp(magic, ELFMAG, SELFMAG) != 0) {
            target_out->is_script = true;
            (void)snprintf(target_out->inspected, sizeof target_out->inspected, "/bin/sh");
        }
        (void)close(descriptor);
    }
    inspect(target_out);
    return 0;
}
